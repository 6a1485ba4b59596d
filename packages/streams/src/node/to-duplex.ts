/** A stream of bytes as a Node duplex, for libraries that take one. */
import { Duplex } from "node:stream";
import { type SocketAddress, wholeNumber } from "@trunkline/base";
import { systemClock } from "@trunkline/base/node";
import { type AttributeKey, localAddress, remoteAddress } from "../contract/attributes.js";
import type { ObjectStream } from "../contract/stream.js";
import { plainView, pushNext } from "./to-node.js";

/**
 * Makes a duplex of a stream, which belongs to the duplex from now on. Ending the duplex is `sendEof`, the end of the
 * stream is `end`, a broken stream is an `error` event. Destroying the duplex before both have ended aborts the stream.
 *
 * The duplex has the methods of a `net.Socket` that HTTP agents and servers call: `setTimeout` works, `setKeepAlive`,
 * `setNoDelay`, `ref` and `unref` do nothing. Its addresses are those of the stream.
 */
export function toDuplex(stream: ObjectStream<Uint8Array>): SocketDuplex {
  return new StreamDuplex(stream);
}

/** A duplex with the methods of a `net.Socket` that do not depend on a socket. */
export interface SocketDuplex extends Duplex {
  readonly remoteAddress: string | undefined;
  readonly remotePort: number | undefined;
  readonly localAddress: string | undefined;
  readonly localPort: number | undefined;
  /**
   * Emits `timeout` after so many milliseconds without reads and writes; 0 switches it off. The duplex is not
   * destroyed.
   */
  setTimeout(timeoutMs: number, callback?: () => void): this;
  setKeepAlive(): this;
  setNoDelay(): this;
  ref(): this;
  unref(): this;
}

class StreamDuplex extends Duplex implements SocketDuplex {
  readonly #stream: ObjectStream<Uint8Array>;
  #timeoutMs = 0;
  #cancelTimeout: (() => void) | undefined;
  #activeAtMs = 0;

  constructor(stream: ObjectStream<Uint8Array>) {
    super({ allowHalfOpen: true });
    this.#stream = stream;
  }

  get remoteAddress(): string | undefined {
    return this.#addressOf(remoteAddress)?.host;
  }

  get remotePort(): number | undefined {
    return this.#addressOf(remoteAddress)?.port;
  }

  get localAddress(): string | undefined {
    return this.#addressOf(localAddress)?.host;
  }

  get localPort(): number | undefined {
    return this.#addressOf(localAddress)?.port;
  }

  setTimeout(timeoutMs: number, callback?: () => void): this {
    this.#timeoutMs = wholeNumber("timeoutMs", timeoutMs, 0);
    this.#cancelTimeout?.();
    this.#cancelTimeout = undefined;
    if (timeoutMs === 0) {
      if (callback !== undefined) this.off("timeout", callback);
      return this;
    }
    if (callback !== undefined) this.once("timeout", callback);
    this.#onActivity();
    this.#expectActivity();
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  override _read(): void {
    pushNext(this, this.#stream, this.#onActivity);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#onActivity();
    this.#stream.send(plainView(chunk)).then(() => {
      this.#onActivity();
      callback();
    }, callback);
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#stream.sendEof().then(() => callback(), callback);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#cancelTimeout?.();
    if (error === null && this.readableEnded && this.writableFinished) {
      // Both have ended, so that nothing is waited for and nothing can be lost.
      this.#stream.close().catch(() => {});
    } else {
      this.#stream.abort(error ?? new Error("the duplex was destroyed before its end"));
    }
    callback(error);
  }

  #addressOf(key: AttributeKey<SocketAddress>): { readonly host: string; readonly port: number } | undefined {
    const address = this.#stream.extra(key);
    return address !== undefined && "host" in address ? address : undefined;
  }

  readonly #onActivity = (): void => {
    if (this.#timeoutMs === 0) return;
    this.#activeAtMs = systemClock.nowMs();
    if (this.#cancelTimeout === undefined && !this.destroyed) this.#expectActivity();
  };

  /** Makes one appointment at a time, which is kept late rather than moved with each chunk. */
  #expectActivity(): void {
    this.#cancelTimeout?.();
    this.#cancelTimeout = systemClock.at(
      this.#activeAtMs + this.#timeoutMs,
      () => {
        this.#cancelTimeout = undefined;
        if (systemClock.nowMs() < this.#activeAtMs + this.#timeoutMs) this.#expectActivity();
        else this.emit("timeout");
      },
      "watch",
    );
  }
}
