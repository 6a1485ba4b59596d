/**
 * A Node duplex (a socket, TLS, any other) as a stream of bytes. A chunk that is received belongs to the receiver; one that is sent
 * must not change afterwards, since Node keeps it until it is written.
 */
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type AttributeKey, type Attributes, localAddress, noAttributes, remoteAddress, type SocketAddress } from "../attributes.js";
import { BaseStream } from "../base-stream.js";
import { type Clock, streamClock } from "../clock.js";
import { BrokenStreamError, ClosedStreamError, metadataRefusal, reasonText } from "../errors.js";
import { ReceiveQueue } from "../receive-queue.js";
import { SendQueue } from "../send-queue.js";
import type { ObjectStream, SendOptions, WaitOptions } from "../stream.js";
import { resetAndDestroy, resetBehindEnd } from "./reset.js";
import { systemClock } from "./system-clock.js";

export interface DuplexOptions {
  /**
   * Reading pauses while so many bytes lie unread; a chunk counts as 1 KiB at least, which it costs however small it is. Default
   * 128 KiB: two of the largest chunks that Node reads from a socket, so that one can be read while the other is being taken.
   */
  readonly maxBufferedBytes?: number;
  /** Limits the wait of `close()`. Default: real time. */
  readonly clock?: Clock;
  /** What else is known about the connection. */
  readonly attributes?: Attributes;
}

/**
 * The duplex as a stream; it is the stream's from now on. Its end is `undefined`, and half-close works both ways whatever its
 * `allowHalfOpen` was. An error, a reset, or a `close` before the end is a `BrokenStreamError`, after what arrived before it.
 * `abort` resets a TCP connection (also below TLS) and destroys any other duplex with an error.
 *
 * Attributes: `streamClock`, and of a socket `remoteAddress` and `localAddress`.
 * @throws TypeError for a duplex of objects or of decoded text, RangeError for `maxBufferedBytes` below 1
 */
export function streamFromDuplex(duplex: Duplex, options: DuplexOptions = {}): ObjectStream<Uint8Array> {
  if (duplex.readableObjectMode || duplex.writableObjectMode) throw new TypeError("a duplex in object mode is not a stream of bytes");
  if (duplex.readableEncoding !== null) throw new TypeError(`a duplex that decodes ${duplex.readableEncoding} is not a stream of bytes`);
  const { maxBufferedBytes = 128 * 1024, clock = systemClock, attributes = noAttributes } = options;
  if (!(maxBufferedBytes >= 1)) throw new RangeError(`maxBufferedBytes must be at least 1, but is ${maxBufferedBytes}`);
  return new DuplexStream(duplex, maxBufferedBytes, new Map([...attributes, [streamClock, clock]]));
}

class DuplexStream extends BaseStream<Uint8Array> {
  readonly carriesMetadata = false;
  readonly #duplex: Duplex;
  readonly #maxBufferedBytes: number;
  readonly #attributes: Map<AttributeKey<unknown>, unknown>;
  readonly #incoming: ReceiveQueue<Uint8Array>;
  readonly #outgoing: SendQueue<Uint8Array>;
  #unreadBytes = 0;
  #paused = false;
  /** The duplex has taken as much as it wants, until its `drain`. */
  #full = false;
  /** Why the stream is over before its ends. */
  #failure: Error | undefined;

  constructor(duplex: Duplex, maxBufferedBytes: number, attributes: Map<AttributeKey<unknown>, unknown>) {
    super();
    this.#duplex = duplex;
    this.#maxBufferedBytes = maxBufferedBytes;
    this.#attributes = attributes;
    this.#incoming = new ReceiveQueue((chunk) => this.#onTaken(chunk));
    this.#outgoing = new SendQueue({
      hasRoom: () => !this.#full,
      accept: (chunk) => this.#write(chunk),
      end: () => this.#end(),
    });
    this.#listen();
  }

  override get extraAttributes(): Attributes {
    return this.#attributes;
  }

  send(chunk: Uint8Array, options?: SendOptions): Promise<void> {
    const refusal = metadataRefusal("a Node duplex", options);
    if (refusal !== undefined) return Promise.reject(refusal);
    if (!(chunk instanceof Uint8Array)) return Promise.reject(new TypeError(`a Node duplex sends Uint8Array, not ${typeof chunk}`));
    return this.#outgoing.send(chunk, options);
  }

  receive(options?: WaitOptions): Promise<Uint8Array | undefined> {
    return this.#incoming.take(options);
  }

  abort(reason?: unknown): void {
    if (this.#failure !== undefined || (this.#duplex.writableFinished && this.#incoming.endTaken)) return;
    const closed = new ClosedStreamError(`the stream was aborted: ${reasonText(reason)}`);
    this.#failure = closed;
    this.#outgoing.fail(closed);
    this.#incoming.close(closed);
    resetAndDestroy(this.#duplex, reason instanceof Error ? reason : closed);
  }

  protected endOutput(): Promise<void> {
    return this.#outgoing.end();
  }

  protected discardInput(): Promise<void> {
    return this.#incoming.discard();
  }

  protected override async closeGracefully(closeTimeoutMs: number | undefined): Promise<void> {
    await super.closeGracefully(closeTimeoutMs);
    this.#duplex.destroy(); // both have ended; most duplexes have done this by themselves
  }

  #listen(): void {
    const duplex = this.#duplex;
    if (duplex.destroyed) {
      const what = duplex.errored === null ? "it was destroyed before it was made a stream" : reasonText(duplex.errored);
      this.#break(new BrokenStreamError(`the connection is gone: ${what}`, { cause: duplex.errored ?? undefined }));
      return;
    }
    duplex.allowHalfOpen = true;
    duplex.on("data", (chunk: Buffer) => this.#onData(chunk));
    duplex.on("end", () => this.#onEnd());
    duplex.on("drain", () => {
      this.#full = false;
      this.#outgoing.flush();
    });
    duplex.on("error", (error) => this.#onError(error));
    duplex.on("close", () => this.#onClose());
    if (duplex.writableEnded) void this.sendEof();
    if (duplex.readableEnded) this.#incoming.end();
    else duplex.resume(); // also one that was paused before it came here
    if (!(duplex instanceof Socket)) return;
    this.#readAddresses(duplex);
    if (duplex.connecting) duplex.once("connect", () => this.#readAddresses(duplex));
  }

  /** Kept, since a socket forgets them when it is closed. */
  #readAddresses(socket: Socket): void {
    const set = (key: AttributeKey<SocketAddress>, host: string | undefined, port: number | undefined): void => {
      if (host !== undefined && port !== undefined) this.#attributes.set(key, { host, port });
    };
    set(remoteAddress, socket.remoteAddress, socket.remotePort);
    set(localAddress, socket.localAddress, socket.localPort);
  }

  #onData(chunk: Buffer): void {
    this.#unreadBytes += cost(chunk);
    // A plain view: `slice` of a Buffer does not copy, unlike that of the Uint8Array that is promised.
    this.#incoming.push(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    if (this.#unreadBytes >= this.#maxBufferedBytes && !this.#paused) {
      this.#paused = true;
      this.#duplex.pause();
    }
  }

  #onTaken(chunk: Uint8Array): void {
    this.#unreadBytes -= cost(chunk);
    // Not before half is free: stopping and starting costs more than a large gap.
    if (this.#paused && this.#unreadBytes * 2 <= this.#maxBufferedBytes) {
      this.#paused = false;
      this.#duplex.resume();
    }
  }

  #write(chunk: Uint8Array): void {
    if (chunk.length > 0) this.#full = !this.#duplex.write(chunk);
  }

  #end(): Promise<void> {
    if (this.#duplex.writableFinished) return Promise.resolve();
    return new Promise((resolve, reject) => {
      // Node's types say that the callback has no argument, but it is given the error.
      this.#duplex.end((error?: Error | null) => {
        if (error === undefined || error === null) resolve();
        else reject(this.#failure ?? new BrokenStreamError(`the end could not be sent: ${error.message}`, { cause: error }));
      });
    });
  }

  #onEnd(): void {
    const reset = resetBehindEnd(this.#duplex);
    if (reset === undefined) {
      this.#incoming.end();
    } else {
      this.#onError(reset);
      this.#duplex.destroy();
    }
  }

  #onError(error: Error): void {
    this.#break(new BrokenStreamError(`the connection is broken: ${reasonText(error)}`, { cause: error }));
  }

  #onClose(): void {
    const { readableEnded, writableFinished } = this.#duplex;
    if (readableEnded && writableFinished) return;
    this.#break(new BrokenStreamError("the connection was closed before its end", { code: "PREMATURE_CLOSE" }));
  }

  /** What arrived before, an end included, can still be read. */
  #break(error: BrokenStreamError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#outgoing.fail(error);
    this.#incoming.end(error);
  }
}

function cost(chunk: Uint8Array): number {
  return Math.max(chunk.length, 1_024);
}
