/** The streams that were offered to one listener, by which a listener that takes none is known. Time is an argument. */

/** The time for a listener to come for a stream before it is left out, where another one shares its name. */
export const offerPatienceMs = 5_000;
/** The time after an offer that was never taken for which a listener is left out; then it is tried once more. */
const leftOutMs = 30_000;

export class OfferRecord {
  /** The number of streams that were offered and have not ended. */
  streams = 0;
  /** The number of streams that were offered. */
  offers = 0;
  /** The times of the offers for which the listener has not come yet, the oldest first. */
  readonly #untaken: Map<string, number> = new Map();
  #missedAtMs = Number.NEGATIVE_INFINITY;

  offered(stream: string, nowMs: number): void {
    this.streams += 1;
    this.offers += 1;
    this.#untaken.set(stream, nowMs);
  }

  /** Records that the listener has come for a stream: it takes its offers, also those that it has missed. */
  taken(stream: string): void {
    this.#untaken.delete(stream);
    this.#missedAtMs = Number.NEGATIVE_INFINITY;
  }

  /** Records that the listener can come no more for a stream that it has not come for. */
  missed(stream: string, nowMs: number): void {
    if (this.#untaken.has(stream)) this.#missedAtMs = nowMs;
    this.ended(stream);
  }

  /** Records that a stream has ended, or was taken back. */
  ended(stream: string): void {
    this.streams -= 1;
    this.#untaken.delete(stream);
  }

  /** Returns false for a listener that lets its offers lie. */
  takesOffers(nowMs: number): boolean {
    const [oldest = nowMs] = this.#untaken.values();
    return nowMs - oldest < offerPatienceMs && nowMs - this.#missedAtMs >= leftOutMs;
  }
}
