/** A Node readable or writable as a one-way stream of bytes. */
import type { Readable, Writable } from "node:stream";
import { type Clock, checkOptionNames, isError, optionNames, reasonText } from "@trunkline/base";
import { systemClock } from "@trunkline/base/node";
import { type Attributes, noAttributes } from "../contract/attributes.js";
import { streamClock } from "../contract/clock.js";
import { BrokenStreamError, ClosedStreamError } from "../contract/errors.js";
import type { ReceiveStream, SendOptions, SendStream, WaitOptions } from "../contract/stream.js";
import { BaseReceiveStream, BaseSendStream } from "../kit/base-stream.js";
import { BreakSignal } from "../kit/break-signal.js";
import { checkReadable, defaultMaxBufferedBytes, ReadableHalf } from "./readable-half.js";
import { WritableHalf } from "./writable-half.js";

/** Options of `streamFromWritable`. */
export interface WritableOptions {
  /** The clock for the time limit of `close()`. Default: real time. */
  readonly clock?: Clock;
  /** Further attributes of the stream. */
  readonly attributes?: Attributes;
}

const writableOptionNames = optionNames<WritableOptions>({ clock: true, attributes: true });

/** Options of `streamFromReadable`. */
export interface ReadableOptions extends WritableOptions {
  /** The number of unread bytes at which reading pauses; a chunk counts as 1 KiB at least. Default 128 KiB. */
  readonly maxBufferedBytes?: number;
}

/** The names of the options of a readable. */
export const readableOptionNames: ReadonlySet<string> = optionNames<ReadableOptions>({
  clock: true,
  attributes: true,
  maxBufferedBytes: true,
});

/**
 * Makes a stream of a readable, which belongs to the stream from now on. An error, or a `close` before the end, is a
 * `BrokenStreamError`, after the data that arrived before it. `abort` destroys the readable, `close` reads on to its
 * end.
 * @throws TypeError for a readable of objects or of decoded text, RangeError for `maxBufferedBytes` below 1
 */
export function streamFromReadable(readable: Readable, options: ReadableOptions = {}): ReceiveStream<Uint8Array> {
  checkOptionNames("streamFromReadable", options, readableOptionNames);
  return readableStream(readable, options);
}

/** Does what `streamFromReadable` does, for callers that have checked the names of their options. */
export function readableStream(readable: Readable, options: ReadableOptions): ReceiveStream<Uint8Array> {
  const { maxBufferedBytes = defaultMaxBufferedBytes } = options;
  checkReadable(readable, maxBufferedBytes);
  return new ReadableStreamOfBytes(readable, maxBufferedBytes, attributesOf(options));
}

/**
 * Makes a stream of a writable, which belongs to the stream from now on. `sendEof` ends it and resolves at its
 * `finish`; an error, or a `close` before that, is a `BrokenStreamError`. `abort` destroys it with an error.
 * @throws TypeError for a writable of objects
 */
export function streamFromWritable(writable: Writable, options: WritableOptions = {}): SendStream<Uint8Array> {
  checkOptionNames("streamFromWritable", options, writableOptionNames);
  return writableStream(writable, options);
}

/** Does what `streamFromWritable` does, for callers that have checked the names of their options. */
export function writableStream(writable: Writable, options: WritableOptions): SendStream<Uint8Array> {
  if (writable.writableObjectMode) throw new TypeError("a Node stream in object mode is not a stream of bytes");
  return new WritableStreamOfBytes(writable, attributesOf(options));
}

function attributesOf({ clock = systemClock, attributes = noAttributes }: WritableOptions): Attributes {
  return new Map([...attributes, [streamClock, clock]]);
}

/** Watches a Node stream for the ways in which it can break. */
class NodeStreamWatch {
  readonly broken: BreakSignal = new BreakSignal();
  readonly #stream: Readable | Writable;
  readonly #hasEnded: () => boolean;
  #failure: Error | undefined;

  constructor(stream: Readable | Writable, hasEnded: () => boolean) {
    this.#stream = stream;
    this.#hasEnded = hasEnded;
  }

  /** The reason why the stream is over before its end. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Calls `onBreak` once when the stream breaks, which may be at once. `what` begins the message of the error. */
  start(what: string, onBreak: (error: BrokenStreamError) => void): void {
    const breakWith = (error: BrokenStreamError): void => {
      if (this.#failure !== undefined || this.#hasEnded()) return;
      this.#failure = error;
      onBreak(error);
      this.broken.fire(error);
    };
    const onError = (error: Error): void =>
      breakWith(new BrokenStreamError(`${what} is broken: ${reasonText(error)}`, { cause: error }));
    const onClose = (): void =>
      breakWith(new BrokenStreamError(`${what} was closed before its end`, { code: "PREMATURE_CLOSE" }));
    this.#stream.on("error", onError); // the listener stays, so that a late error is not unhandled
    this.#stream.on("close", onClose);
    if (this.#stream.errored) onError(this.#stream.errored);
    else if (this.#stream.destroyed) onClose();
  }

  /** Destroys the stream. Returns the error of later calls, or undefined when the stream was over already. */
  abort(reason: unknown): ClosedStreamError | undefined {
    if (this.#failure !== undefined || this.#hasEnded()) return undefined;
    const closed = new ClosedStreamError(`the stream was aborted: ${reasonText(reason)}`);
    this.#failure = closed;
    this.#stream.destroy(isError(reason) ? reason : closed);
    return closed;
  }
}

class ReadableStreamOfBytes extends BaseReceiveStream<Uint8Array> {
  readonly #attributes: Attributes;
  readonly #incoming: ReadableHalf;
  readonly #watch: NodeStreamWatch;

  constructor(readable: Readable, maxBufferedBytes: number, attributes: Attributes) {
    super();
    this.#attributes = attributes;
    this.#incoming = new ReadableHalf(readable, maxBufferedBytes);
    this.#watch = new NodeStreamWatch(readable, () => readable.readableEnded);
    readable.on("end", () => this.#incoming.queue.end());
    this.#watch.start("the readable", (error) => this.#incoming.queue.end(error));
    if (this.#watch.failure === undefined) this.#incoming.start();
  }

  override get brokenSignal(): BreakSignal {
    return this.#watch.broken;
  }

  override get extraAttributes(): Attributes {
    return this.#attributes;
  }

  receive(options?: WaitOptions): Promise<Uint8Array | undefined> {
    return this.#incoming.take(options);
  }

  abort(reason?: unknown): void {
    if (this.#incoming.queue.endTaken) return;
    const closed = this.#watch.abort(reason);
    this.#incoming.queue.close(closed ?? new ClosedStreamError(`the stream was aborted: ${reasonText(reason)}`));
  }

  protected discardInput(): Promise<void> {
    return this.#incoming.queue.discard();
  }
}

class WritableStreamOfBytes extends BaseSendStream<Uint8Array> {
  readonly carriesMetadata = false;
  readonly #attributes: Attributes;
  readonly #outgoing: WritableHalf;
  readonly #watch: NodeStreamWatch;

  constructor(writable: Writable, attributes: Attributes) {
    super();
    this.#attributes = attributes;
    this.#outgoing = new WritableHalf(writable, "a Node writable");
    this.#outgoing.start();
    this.#watch = new NodeStreamWatch(writable, () => this.#outgoing.finished);
    this.#watch.start("the writable", (error) => this.#outgoing.fail(error));
    if (writable.writableEnded && this.#watch.failure === undefined) void this.sendEof();
  }

  override get brokenSignal(): BreakSignal {
    return this.#watch.broken;
  }

  override get extraAttributes(): Attributes {
    return this.#attributes;
  }

  send(chunk: Uint8Array, options?: SendOptions): Promise<void> {
    return this.#outgoing.send(chunk, options);
  }

  abort(reason?: unknown): void {
    const closed = this.#watch.abort(reason);
    if (closed !== undefined) this.#outgoing.fail(closed);
  }

  protected endOutput(): Promise<void> {
    return this.#outgoing.queue.end();
  }
}
