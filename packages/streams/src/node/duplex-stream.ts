/**
 * A Node duplex (a socket, TLS, any other) as a stream of bytes. A chunk that is sent must not change afterwards, since
 * Node keeps it until it is written.
 */
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type Clock, checkOptionNames, isError, optionNames, reasonText } from "@trunkline/base";
import { systemClock } from "@trunkline/base/node";
import {
  type AttributeKey,
  type Attributes,
  localAddress,
  noAttributes,
  remoteAddress,
  type SocketAddress,
} from "../contract/attributes.js";
import { streamClock } from "../contract/clock.js";
import { BrokenStreamError, ClosedStreamError } from "../contract/errors.js";
import type { ObjectStream, SendOptions, WaitOptions } from "../contract/stream.js";
import { BaseStream } from "../kit/base-stream.js";
import { BreakSignal } from "../kit/break-signal.js";
import { useNodeMemory } from "./memory.js";
import { checkReadable, defaultMaxBufferedBytes, ReadableHalf } from "./readable-half.js";
import { resetAndDestroy, resetBehindEnd } from "./reset.js";
import { WritableHalf } from "./writable-half.js";

/** Options of `streamFromDuplex`. */
export interface DuplexOptions {
  /**
   * The number of unread bytes at which reading pauses; a chunk counts as 1 KiB at least, which it costs however small
   * it is. Default 128 KiB: two of the largest chunks that Node reads from a socket, so that one can be read while the
   * other is taken.
   */
  readonly maxBufferedBytes?: number;
  /** The clock for the time limit of `close()`. Default: real time. */
  readonly clock?: Clock;
  /** Further attributes of the connection. */
  readonly attributes?: Attributes;
}

const duplexOptionNames = optionNames<DuplexOptions>({ maxBufferedBytes: true, clock: true, attributes: true });

/**
 * Makes a stream of a duplex, which belongs to the stream from now on. Half-close works both ways whatever its
 * `allowHalfOpen` was. An error, a reset, or a `close` before the end is a `BrokenStreamError`, after the data that
 * arrived before it. `abort` resets a TCP connection (also below TLS) and destroys any other duplex with an error.
 *
 * Attributes: `streamClock`, and of a socket `remoteAddress` and `localAddress`.
 * @throws TypeError for a duplex of objects or of decoded text, RangeError for `maxBufferedBytes` below 1
 */
export function streamFromDuplex(duplex: Duplex, options: DuplexOptions = {}): ObjectStream<Uint8Array> {
  checkOptionNames("streamFromDuplex", options, duplexOptionNames);
  const { maxBufferedBytes = defaultMaxBufferedBytes, clock = systemClock, attributes = noAttributes } = options;
  checkReadable(duplex, maxBufferedBytes);
  if (duplex.writableObjectMode) throw new TypeError("a Node stream in object mode is not a stream of bytes");
  return new DuplexStream(duplex, maxBufferedBytes, new Map([...attributes, [streamClock, clock]]));
}

useNodeMemory();

class DuplexStream extends BaseStream<Uint8Array> {
  readonly carriesMetadata = false;
  readonly #broken: BreakSignal = new BreakSignal();
  readonly #duplex: Duplex;
  readonly #attributes: Map<AttributeKey<unknown>, unknown>;
  readonly #incoming: ReadableHalf;
  readonly #outgoing: WritableHalf;
  /** The reason why the stream is over before its ends. */
  #failure: Error | undefined;

  constructor(duplex: Duplex, maxBufferedBytes: number, attributes: Map<AttributeKey<unknown>, unknown>) {
    super();
    this.#duplex = duplex;
    this.#attributes = attributes;
    this.#incoming = new ReadableHalf(duplex, maxBufferedBytes);
    this.#outgoing = new WritableHalf(duplex, "a Node duplex");
    this.#listen();
  }

  override get brokenSignal(): BreakSignal {
    return this.#broken;
  }

  override get extraAttributes(): Attributes {
    return this.#attributes;
  }

  send(chunk: Uint8Array, options?: SendOptions): Promise<void> {
    return this.#outgoing.send(chunk, options);
  }

  receive(options?: WaitOptions): Promise<Uint8Array | undefined> {
    return this.#incoming.take(options);
  }

  abort(reason?: unknown): void {
    if (this.#failure !== undefined || (this.#outgoing.finished && this.#incoming.queue.endTaken)) return;
    const closed = new ClosedStreamError(`the stream was aborted: ${reasonText(reason)}`);
    this.#failure = closed;
    this.#outgoing.fail(closed);
    this.#incoming.queue.close(closed);
    resetAndDestroy(this.#duplex, isError(reason) ? reason : closed);
  }

  protected endOutput(): Promise<void> {
    return this.#outgoing.queue.end();
  }

  protected discardInput(): Promise<void> {
    return this.#incoming.queue.discard();
  }

  protected override async closeGracefully(closeTimeoutMs: number | undefined): Promise<void> {
    await super.closeGracefully(closeTimeoutMs);
    this.#duplex.destroy(); // both sides have ended; most duplexes destroy themselves then
  }

  #listen(): void {
    const duplex = this.#duplex;
    if (duplex.destroyed) {
      const what =
        duplex.errored === null ? "it was destroyed before it was made a stream" : reasonText(duplex.errored);
      this.#break(new BrokenStreamError(`the connection is gone: ${what}`, { cause: duplex.errored ?? undefined }));
      return;
    }
    duplex.allowHalfOpen = true;
    duplex.on("end", () => this.#onEnd());
    duplex.on("error", (error) => this.#onError(error));
    duplex.on("close", () => this.#onClose());
    this.#outgoing.start();
    if (duplex.writableEnded) void this.sendEof();
    this.#incoming.start();
    if (!(duplex instanceof Socket)) return;
    this.#readAddresses(duplex);
    if (duplex.pending) duplex.once("connect", () => this.#readAddresses(duplex));
  }

  /** Keeps the addresses, which a socket forgets when it is closed. */
  #readAddresses(socket: Socket): void {
    const set = (key: AttributeKey<SocketAddress>, host: string | undefined, port: number | undefined): void => {
      if (host !== undefined && port !== undefined) this.#attributes.set(key, { host, port });
    };
    set(remoteAddress, socket.remoteAddress, socket.remotePort);
    set(localAddress, socket.localAddress, socket.localPort);
  }

  #onEnd(): void {
    const reset = resetBehindEnd(this.#duplex);
    if (reset === undefined) {
      this.#incoming.queue.end();
    } else {
      this.#onError(reset);
      this.#duplex.destroy();
    }
  }

  #onError(error: Error): void {
    this.#break(new BrokenStreamError(`the connection is broken: ${reasonText(error)}`, { cause: error }));
  }

  #onClose(): void {
    if (this.#duplex.readableEnded && this.#outgoing.finished) return;
    this.#break(new BrokenStreamError("the connection was closed before its end", { code: "PREMATURE_CLOSE" }));
  }

  /** Breaks the stream. The data that arrived before, an end included, can still be read. */
  #break(error: BrokenStreamError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#outgoing.fail(error);
    this.#incoming.queue.end(error);
    this.#broken.fire(error);
  }
}
