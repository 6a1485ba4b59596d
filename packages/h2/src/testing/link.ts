/**
 * Two engines on a link in virtual time: bytes take `delayMs` one way and `bytesPerMs` at most, deadlines are kept, and
 * nothing happens between events, so that minutes of a slow link pass in no time.
 */
import type { Connection } from "../connection/connection.js";

export interface LinkOptions {
  /** One way, in milliseconds. Default 0. */
  readonly delayMs?: number;
  /** The bandwidth of each direction; 125,000 is 1 Gbit/s. Default: no limit. */
  readonly bytesPerMs?: number;
  /** Returns the size of the next piece into which the bytes on their way are cut. Default: they are not cut. */
  readonly nextPiece?: () => number;
}

/** The part of a `Connection` that a link drives. */
export type LinkEnd = Pick<Connection, "receive" | "takeOutput" | "nextDeadline" | "handleTimeout">;

interface Parcel {
  readonly at: number;
  /** The end that the bytes go to; undefined where nothing arrives, but a wire is free again. */
  readonly to: LinkEnd | undefined;
  readonly bytes: Uint8Array;
}

const nothing = new Uint8Array(0);

export class Link {
  readonly #ends: readonly [LinkEnd, LinkEnd];
  readonly #options: LinkOptions;
  readonly #parcels: Parcel[] = [];
  /** The time when the wire of each direction is free again. */
  readonly #freeAt: [number, number] = [0, 0];
  #broken = false;
  nowMs = 0;

  constructor(a: LinkEnd, b: LinkEnd, options: LinkOptions = {}) {
    this.#ends = [a, b];
    this.#options = options;
    a.handleTimeout(0);
    b.handleTimeout(0);
  }

  /**
   * Goes on until nothing is on its way and no end has output, or else until `untilMs` with all deadlines that come by
   * then.
   */
  run(untilMs: number = Number.POSITIVE_INFINITY): void {
    for (;;) {
      this.#collect();
      const parcel = this.#parcels[0];
      const deadline = Number.isFinite(untilMs) ? this.#deadline() : Number.POSITIVE_INFINITY;
      if (deadline <= untilMs && deadline < (parcel?.at ?? Number.POSITIVE_INFINITY)) {
        this.nowMs = Math.max(this.nowMs, deadline);
        for (const end of this.#ends) end.handleTimeout(this.nowMs);
        continue;
      }
      if (parcel === undefined || parcel.at > untilMs) break;
      this.#parcels.shift();
      this.nowMs = Math.max(this.nowMs, parcel.at);
      for (let { bytes } = parcel; bytes.length > 0 && parcel.to !== undefined; )
        bytes = bytes.subarray(parcel.to.receive(bytes, this.nowMs));
    }
    if (Number.isFinite(untilMs)) this.nowMs = Math.max(this.nowMs, untilMs);
    for (const end of this.#ends) end.handleTimeout(this.nowMs);
  }

  /**
   * The link breaks: what is on its way is lost, and nothing passes any more. The ends have to be told
   * (`transportClosed`).
   */
  cut(): void {
    this.#parcels.length = 0;
    this.#broken = true;
  }

  #deadline(): number {
    return Math.min(...this.#ends.map((end) => end.nextDeadline() ?? Number.POSITIVE_INFINITY));
  }

  #collect(): void {
    if (this.#broken) return;
    for (const direction of [0, 1] as const) {
      const from = this.#ends[direction];
      const to = this.#ends[1 - direction] as LinkEnd;
      // A transport takes no more while its wire is busy: what is not sent yet waits in the engine.
      while (this.#freeAt[direction] <= this.nowMs) {
        const chunks = from.takeOutput();
        if (chunks.length === 0) break;
        for (const chunk of chunks) this.#send(direction, to, chunk);
        if (this.#freeAt[direction] > this.nowMs)
          this.#insert({ at: this.#freeAt[direction], to: undefined, bytes: nothing });
      }
    }
  }

  #send(direction: 0 | 1, to: LinkEnd, chunk: Uint8Array): void {
    const { delayMs = 0, bytesPerMs = Number.POSITIVE_INFINITY, nextPiece } = this.#options;
    let offset = 0;
    while (offset < chunk.length) {
      const size = Math.max(1, nextPiece?.() ?? chunk.length);
      const bytes = chunk.subarray(offset, offset + size);
      offset += size;
      const sentAt = Math.max(this.nowMs, this.#freeAt[direction]) + bytes.length / bytesPerMs;
      this.#freeAt[direction] = sentAt;
      this.#insert({ at: sentAt + delayMs, to, bytes });
    }
  }

  #insert(parcel: Parcel): void {
    let index = this.#parcels.length;
    while (index > 0 && (this.#parcels[index - 1] as Parcel).at > parcel.at) index -= 1;
    this.#parcels.splice(index, 0, parcel);
  }
}
