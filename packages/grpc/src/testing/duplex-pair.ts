/**
 * Two connected duplex streams in memory that behave as the two ends of a socket: half-close, backpressure, and a loss
 * that the other end notices.
 */
import { Duplex, setImmediate } from "#platform";

class PairEnd extends Duplex {
  other: PairEnd | undefined;
  /** Completes the write of the other end, once this end is read. */
  #unblock: (() => void) | undefined;

  constructor() {
    super({ allowHalfOpen: true });
    // Without a listener, an error of an end would end the test's process.
    this.on("error", () => {});
  }

  override _read(): void {
    const unblock = this.#unblock;
    this.#unblock = undefined;
    unblock?.();
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    const { other } = this;
    if (other === undefined || other.destroyed || other.readableEnded) {
      done(new Error("the other end is gone"));
      return;
    }
    if (other.push(chunk)) done();
    else other.#unblock = () => done();
  }

  override _final(done: (error?: Error | null) => void): void {
    if (this.other?.destroyed === false) this.other.push(null);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const { other } = this;
    this.other = undefined;
    this.#unblock = undefined;
    const orderly = error === null && this.writableFinished && this.readableEnded;
    // As with a socket, the loss comes after the bytes that were sent before it, and not within this call.
    if (other !== undefined && !orderly) setImmediate(() => other.destroy(new Error("the other end is gone")));
    done(error);
  }
}

/**
 * Returns two connected ends: bytes that are written to one end are read from the other. An end that is destroyed
 * before both have ended destroys the other end with an error.
 */
export function duplexPair(): [Duplex, Duplex] {
  const first = new PairEnd();
  const second = new PairEnd();
  first.other = second;
  second.other = first;
  return [first, second];
}
