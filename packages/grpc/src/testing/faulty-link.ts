/** A connection on which things go wrong, for tests of what a program does then. */

import type { Clock } from "@trunkline/streams";
import { Duplex, systemClock } from "#platform";
import { type DirectionFaults, LinkDirection } from "./link-direction.js";

export interface LinkFaults {
  /** Of what is written to this end. */
  readonly outgoing?: DirectionFaults | undefined;
  /** Of what is read from it. */
  readonly incoming?: DirectionFaults | undefined;
  /** That delays wait by. Default: the system's; a `VirtualClock` makes them exact. */
  readonly clock?: Clock | undefined;
}

/**
 * Wraps one end of a connection, in memory or a socket, and lets its bytes through with the faults that were ordered. It is a byte stream all the same: they
 * arrive in their order, or not at all.
 */
export class FaultyLink extends Duplex {
  readonly #inner: Duplex;
  readonly #outgoing: LinkDirection;
  readonly #incoming: LinkDirection;

  constructor(inner: Duplex, faults: LinkFaults = {}) {
    super({ allowHalfOpen: true });
    this.#inner = inner;
    const clock = faults.clock ?? systemClock;
    const cut = (): void => this.cut();
    this.#outgoing = new LinkDirection(faults.outgoing ?? {}, clock, {
      deliver: (bytes) => inner.write(bytes),
      end: () => inner.end(),
      cut,
    });
    this.#incoming = new LinkDirection(faults.incoming ?? {}, clock, {
      deliver: (bytes) => this.push(bytes),
      end: () => void this.push(null),
      cut,
    });
    inner.on("drain", () => this.#outgoing.resume());
    inner.on("data", (chunk: Uint8Array) => {
      inner.pause();
      this.#incoming.write(chunk, () => inner.resume());
    });
    inner.on("end", () => this.#incoming.end());
    inner.on("error", () => {});
    inner.on("close", () => {
      // Its end has been told already, if it had one.
      if (!inner.readableEnded && !this.#incoming.silent)
        this.destroy(inner.errored ?? new Error("the other end is gone"));
    });
  }

  /** Breaks the connection now, for both ends. */
  cut(): void {
    this.#inner.destroy();
    this.destroy(new Error("the link was cut"));
  }

  /** From now on nothing arrives at either end, and neither is told: the cable is pulled, the other machine is gone. */
  silence(): void {
    this.#outgoing.silence();
    this.#incoming.silence();
  }

  override _read(): void {
    this.#incoming.resume();
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: () => void): void {
    this.#outgoing.write(chunk, done);
  }

  override _final(done: () => void): void {
    this.#outgoing.end();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#incoming.stop();
    // The other end of a silent link is not told of this either.
    if (!this.#outgoing.silent) {
      this.#outgoing.stop();
      this.#inner.destroy();
    }
    done(error);
  }
}
