/** A connection on which faults happen, for tests of programs that must bear them. */
import { checkOptionNames, optionNames } from "@trunkline/base";
import type { Clock } from "@trunkline/streams";
import { Duplex, systemClock } from "#platform";
import { type DirectionFaults, LinkDirection } from "./link-direction.js";

/** The faults of a link, for each direction. */
export interface LinkFaults {
  /** Faults of the bytes that are written to this end. Default: none. */
  readonly outgoing?: DirectionFaults | undefined;
  /** Faults of the bytes that are read from this end. Default: none. */
  readonly incoming?: DirectionFaults | undefined;
  /** The clock of the delays. Default: the system's; a `VirtualClock` makes them exact. */
  readonly clock?: Clock | undefined;
}

const linkFaultNames = optionNames<LinkFaults>({ outgoing: true, incoming: true, clock: true });
const directionFaultNames = optionNames<DirectionFaults>({
  delayMs: true,
  chunkBytes: true,
  cutAfterBytes: true,
  silentAfterBytes: true,
  corruptByteAt: true,
});

/**
 * Wraps one end of a connection, in memory or over a socket, and lets its bytes through with the given faults. It
 * remains a byte stream: bytes arrive in their order, or not at all.
 */
export class FaultyLink extends Duplex {
  readonly #inner: Duplex;
  readonly #outgoing: LinkDirection;
  readonly #incoming: LinkDirection;

  constructor(inner: Duplex, faults: LinkFaults = {}) {
    super({ allowHalfOpen: true });
    checkOptionNames("FaultyLink", faults, linkFaultNames);
    for (const direction of [faults.outgoing ?? {}, faults.incoming ?? {}])
      checkOptionNames("FaultyLink", direction, directionFaultNames);
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
      // An end of the stream has been passed on already.
      if (!inner.readableEnded && !this.#incoming.silent)
        this.destroy(inner.errored ?? new Error("the other end is gone"));
    });
  }

  /** Breaks the connection now, for both ends. */
  cut(): void {
    this.#inner.destroy();
    this.destroy(new Error("the link was cut"));
  }

  /**
   * Lets nothing arrive at either end any more, without telling them, as if the cable were pulled or the machine gone.
   */
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
    // The other end of a silent link does not hear of this either.
    if (!this.#outgoing.silent) {
      this.#outgoing.stop();
      this.#inner.destroy();
    }
    done(error);
  }
}
