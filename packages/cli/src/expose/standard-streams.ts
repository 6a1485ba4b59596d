/**
 * Standard input and output as the target of connections, one at a time. They stay open from one connection to the
 * next: what is read while there is none waits for the next one.
 */
import process from "node:process";
import {
  type Attributes,
  ClosedStreamError,
  type ObjectStream,
  type ReceiveStream,
  type SendOptions,
  type SendStream,
  type WaitOptions,
} from "@trunkline/streams";
import { BaseStream, BreakSignal, eitherSignal } from "@trunkline/streams/kit";
import { streamFromReadable, streamFromWritable } from "@trunkline/streams/node";

type Input = ReceiveStream<Uint8Array>;
type OutputStream = SendStream<Uint8Array>;

/** The standard streams of one process. */
export class StandardStreams implements Disposable {
  readonly #input: Input;
  readonly #output: OutputStream;
  readonly #onFinished: (failure: unknown) => void;
  #isTaken = false;
  #hasEnded = false;

  /**
   * `onFinished` is called when the end of the input was given to a connection, and that connection is over; with a
   * failure where the other side may not have all of it.
   */
  constructor(
    onFinished: (failure: unknown) => void,
    input: Input = streamFromReadable(process.stdin),
    output: OutputStream = streamFromWritable(process.stdout),
  ) {
    this.#onFinished = onFinished;
    this.#input = input;
    this.#output = output;
  }

  /** Returns the streams for one connection. @throws Error while another connection has them */
  take(): ObjectStream<Uint8Array> {
    if (this.#isTaken) throw new Error("standard input and output have a connection, and take one at a time");
    this.#isTaken = true;
    return new StandardConnection(this.#input, this.#output, {
      onInputEnd: () => {
        this.#hasEnded = true;
      },
      onOver: (failure) => {
        this.#isTaken = false;
        if (this.#hasEnded) this.#onFinished(failure);
      },
    });
  }

  /** Stops reading, which would keep the process alive. */
  [Symbol.dispose](): void {
    this.#input.abort();
  }
}

interface Events {
  onInputEnd(): void;
  onOver(failure: unknown): void;
}

/** One connection's use of the streams. Its end and its abort leave them open. */
class StandardConnection extends BaseStream<Uint8Array> {
  readonly carriesMetadata = false;
  readonly #input: Input;
  readonly #output: OutputStream;
  readonly #events: Events;
  readonly #over = new BreakSignal();

  constructor(input: Input, output: OutputStream, events: Events) {
    super();
    this.#input = input;
    this.#output = output;
    this.#events = events;
  }

  override get extraAttributes(): Attributes {
    return this.#input.extraAttributes;
  }

  override get brokenSignal(): BreakSignal | undefined {
    return this.#output.brokenSignal as BreakSignal | undefined;
  }

  send(chunk: Uint8Array, options?: SendOptions): Promise<void> {
    if (this.#over.aborted) return Promise.reject(this.#over.reason);
    return this.#output.send(chunk, options);
  }

  async receive(options?: WaitOptions): Promise<Uint8Array | undefined> {
    if (this.#over.aborted) throw this.#over.reason;
    const chunk = await this.#input.receive({ signal: eitherSignal(options?.signal, this.#over) });
    if (chunk === undefined) this.#events.onInputEnd();
    return chunk;
  }

  protected endOutput(): Promise<void> {
    return Promise.resolve(); // The output goes on with the next connection.
  }

  protected discardInput(): Promise<void> {
    this.#end(new ClosedStreamError("the stream was closed"), undefined);
    return Promise.resolve();
  }

  abort(reason?: unknown): void {
    this.#end(new ClosedStreamError("the stream was aborted"), reason ?? new Error("the stream was aborted"));
  }

  #end(error: Error, failure: unknown): void {
    if (this.#over.aborted) return;
    this.#over.fire(error);
    this.#events.onOver(failure);
  }
}
