/** A two-way stream made of two one-way streams. */

import type { AbortSignalLike } from "@trunkline/base";
import { type AttributeKey, type Attributes, attributesOver } from "../contract/attributes.js";
import type {
  ObjectStream,
  ReceivedMessage,
  ReceiveStream,
  SendOptions,
  SendStream,
  WaitOptions,
} from "../contract/stream.js";
import { BaseStream } from "../kit/base-stream.js";
import { eitherSignal } from "../kit/break-signal.js";

/**
 * Joins two one-way streams into a stream that receives from `receiving` and sends to `sending`, such as the output and
 * the input of a child process. Closing closes both, and aborting aborts both. Where both have an attribute, that of
 * `receiving` counts.
 */
export function stapled<Out extends {}, In extends {} = Out>(
  receiving: ReceiveStream<In>,
  sending: SendStream<Out>,
): ObjectStream<Out, In> {
  return new StapledStream(receiving, sending);
}

class StapledStream<Out extends {}, In extends {}> extends BaseStream<Out, In> {
  readonly #receiving: ReceiveStream<In>;
  readonly #sending: SendStream<Out>;
  /** The signal of both halves. It is made once, so that a listener can be taken off again. */
  readonly #brokenSignal: AbortSignalLike | undefined;
  #endReceived = false;

  constructor(receiving: ReceiveStream<In>, sending: SendStream<Out>) {
    super();
    this.#receiving = receiving;
    this.#sending = sending;
    this.#brokenSignal = eitherSignal(receiving.brokenSignal, sending.brokenSignal);
  }

  override get brokenSignal(): AbortSignalLike | undefined {
    return this.#brokenSignal;
  }

  get carriesMetadata(): boolean {
    return this.#sending.carriesMetadata;
  }

  override get eofSent(): boolean {
    return this.#sending.eofSent;
  }

  override get extraAttributes(): Attributes {
    return attributesOver(this.#receiving.extraAttributes, this.#sending.extraAttributes);
  }

  override extra<T>(key: AttributeKey<T>): T | undefined {
    return this.#receiving.extra(key) ?? this.#sending.extra(key);
  }

  send(item: Out, options?: SendOptions): Promise<void> {
    return this.#sending.send(item, options);
  }

  async receive(options?: WaitOptions): Promise<In | undefined> {
    const item = await this.#receiving.receive(options);
    if (item === undefined) this.#endReceived = true;
    return item;
  }

  override async receiveWithMetadata(options?: WaitOptions): Promise<ReceivedMessage<In> | undefined> {
    const message = await this.#receiving.receiveWithMetadata(options);
    if (message === undefined) this.#endReceived = true;
    return message;
  }

  abort(reason?: unknown): void {
    // Each half knows only its own end, and would take the abort as one that matters.
    if (this.eofSent && this.#endReceived) return;
    // The order matters: a child process must be killed before its input is closed, which it would take for an end.
    this.#receiving.abort(reason);
    this.#sending.abort(reason);
  }

  protected endOutput(): Promise<void> {
    return this.#sending.sendEof();
  }

  protected async discardInput(eofSent: Promise<void>, closeTimeoutMs: number | undefined): Promise<void> {
    await Promise.all([
      this.#receiving.close({ closeTimeoutMs }),
      eofSent.then(() => this.#sending.close({ closeTimeoutMs })),
    ]);
  }
}
