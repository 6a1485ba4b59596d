/** A Node readable or writable, singly, as a one-way stream of bytes; and ours as theirs. */
import type { Readable, Writable } from "node:stream";
import type { Clock } from "@trunkline/base";
import { reasonText } from "@trunkline/base";
import { systemClock } from "@trunkline/base/node";
import { type Attributes, noAttributes } from "../contract/attributes.js";
import { streamClock } from "../contract/clock.js";
import { BrokenStreamError, ClosedStreamError } from "../contract/errors.js";
import type { ReceiveStream, SendOptions, SendStream, WaitOptions } from "../contract/stream.js";
import { BaseStream } from "../kit/base-stream.js";
import { BreakSignal } from "../kit/break-signal.js";
import { checkReadable, defaultMaxBufferedBytes, ReadableHalf } from "./readable-half.js";
import { WritableHalf } from "./writable-half.js";

export interface WritableOptions {
  /** Limits the wait of `close()`. Default: real time. */
  readonly clock?: Clock;
  /** What else is known about the stream. */
  readonly attributes?: Attributes;
}

export interface ReadableOptions extends WritableOptions {
  /** Reading pauses while so many bytes lie unread; a chunk counts as 1 KiB at least. Default 128 KiB. */
  readonly maxBufferedBytes?: number;
}

/**
 * The readable as a stream; it is the stream's from now on. An error, or a `close` before the end, is a `BrokenStreamError`, after
 * what arrived before it. `abort` destroys it, `close` reads on to its end.
 * @throws TypeError for a readable of objects or of decoded text, RangeError for `maxBufferedBytes` below 1
 */
export function streamFromReadable(readable: Readable, options: ReadableOptions = {}): ReceiveStream<Uint8Array> {
  const { maxBufferedBytes = defaultMaxBufferedBytes } = options;
  checkReadable(readable, maxBufferedBytes);
  return new ReadableStreamOfBytes(readable, maxBufferedBytes, attributesOf(options));
}

/**
 * The writable as a stream; it is the stream's from now on. `sendEof` ends it and resolves at its `finish`; an error, or a `close`
 * before that, is a `BrokenStreamError`. `abort` destroys it with an error.
 * @throws TypeError for a writable of objects
 */
export function streamFromWritable(writable: Writable, options: WritableOptions = {}): SendStream<Uint8Array> {
  if (writable.writableObjectMode) throw new TypeError("a Node stream in object mode is not a stream of bytes");
  return new WritableStreamOfBytes(writable, attributesOf(options));
}

function attributesOf({ clock = systemClock, attributes = noAttributes }: WritableOptions): Attributes {
  return new Map([...attributes, [streamClock, clock]]);
}

/** What both have in common: one Node stream, and how it breaks. */
abstract class OneWay<Out extends {}, In extends {}> extends BaseStream<Out, In> {
  readonly carriesMetadata = false;
  protected failure: Error | undefined;
  readonly #broken: BreakSignal = new BreakSignal();
  readonly #attributes: Attributes;

  constructor(attributes: Attributes) {
    super();
    this.#attributes = attributes;
  }

  override get brokenSignal(): BreakSignal {
    return this.#broken;
  }

  override get extraAttributes(): Attributes {
    return this.#attributes;
  }

  protected abstract get finished(): boolean;
  protected abstract failed(error: Error): void;

  protected watch(stream: Readable | Writable, what: string): void {
    const breakWith = (error: BrokenStreamError): void => {
      if (this.failure !== undefined || this.finished) return;
      this.failure = error;
      this.failed(error);
      this.#broken.fire(error);
    };
    const onError = (error: Error): void =>
      breakWith(new BrokenStreamError(`${what} is broken: ${reasonText(error)}`, { cause: error }));
    const onClose = (): void =>
      breakWith(new BrokenStreamError(`${what} was closed before its end`, { code: "PREMATURE_CLOSE" }));
    stream.on("error", onError); // stays: what comes late is no unhandled error
    stream.on("close", onClose);
    if (stream.errored) onError(stream.errored);
    else if (stream.destroyed) onClose();
  }

  protected abortWith(stream: Readable | Writable, reason: unknown): Error | undefined {
    if (this.failure !== undefined || this.finished) return undefined;
    this.failure = new ClosedStreamError(`the stream was aborted: ${reasonText(reason)}`);
    stream.destroy(reason instanceof Error ? reason : this.failure);
    return this.failure;
  }
}

class ReadableStreamOfBytes extends OneWay<never, Uint8Array> {
  readonly #readable: Readable;
  readonly #incoming: ReadableHalf;

  constructor(readable: Readable, maxBufferedBytes: number, attributes: Attributes) {
    super(attributes);
    this.#readable = readable;
    this.#incoming = new ReadableHalf(readable, maxBufferedBytes);
    readable.on("end", () => this.#incoming.queue.end());
    this.watch(readable, "the readable");
    if (this.failure === undefined) this.#incoming.start();
  }

  send(): Promise<void> {
    return Promise.reject(new ClosedStreamError("this stream only receives"));
  }

  receive(options?: WaitOptions): Promise<Uint8Array | undefined> {
    return this.#incoming.take(options);
  }

  abort(reason?: unknown): void {
    if (this.#incoming.queue.endTaken) return;
    const closed = this.abortWith(this.#readable, reason);
    this.#incoming.queue.close(closed ?? new ClosedStreamError(`the stream was aborted: ${reasonText(reason)}`));
  }

  protected get finished(): boolean {
    return this.#readable.readableEnded;
  }

  protected failed(error: Error): void {
    this.#incoming.queue.end(error);
  }

  protected endOutput(): Promise<void> {
    return Promise.resolve();
  }

  protected discardInput(): Promise<void> {
    return this.#incoming.queue.discard();
  }
}

class WritableStreamOfBytes extends OneWay<Uint8Array, never> {
  readonly #writable: Writable;
  readonly #outgoing: WritableHalf;

  constructor(writable: Writable, attributes: Attributes) {
    super(attributes);
    this.#writable = writable;
    this.#outgoing = new WritableHalf(writable, "a Node writable");
    this.#outgoing.start();
    this.watch(writable, "the writable");
    if (writable.writableEnded && this.failure === undefined) void this.sendEof();
  }

  send(chunk: Uint8Array, options?: SendOptions): Promise<void> {
    return this.#outgoing.send(chunk, options);
  }

  receive(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  abort(reason?: unknown): void {
    const closed = this.abortWith(this.#writable, reason);
    if (closed !== undefined) this.#outgoing.fail(closed);
  }

  protected get finished(): boolean {
    return this.#writable.writableFinished;
  }

  protected failed(error: Error): void {
    this.#outgoing.fail(error);
  }

  protected endOutput(): Promise<void> {
    return this.#outgoing.queue.end();
  }

  protected discardInput(): Promise<void> {
    return Promise.resolve();
  }
}
