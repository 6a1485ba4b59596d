/** The state of a router as `trunkline top` shows it: what its messages say, and the rates between them. */
import { perSecond } from "@trunkline/base";
import type { RoutedStream, RouterName, RouterNumbers, RouterUpdate } from "@trunkline/router";

/** The bytes a second each way. */
export interface Rates {
  readonly toDialler: number;
  readonly toListener: number;
}

/** A stream with its rates. */
export interface RatedStream extends Rates {
  readonly stream: RoutedStream;
}

/** The number of entries from which on a message may leave out changes, which come with the next one. */
const fullMessageRows = 500;

const still: Rates = { toDialler: 0, toListener: 0 };

interface Known {
  stream: RoutedStream;
  rates: Rates;
  /** The time at which the bytes were as they are known. */
  asOfMs: number;
}

/** The messages of a router put together. */
export class TopModel {
  readonly #streams: Map<string, Known> = new Map();
  readonly #names: Map<string, RouterName> = new Map();
  #numbers: RouterNumbers | undefined;
  #rates: Rates = still;
  #atMs = 0;
  #leftOut = 0;

  /** Takes a message. */
  apply(update: RouterUpdate): void {
    const { snapshot, atUnixMs, numbers } = update;
    if (snapshot) {
      this.#streams.clear();
      this.#names.clear();
      this.#numbers = undefined;
    }
    this.#rates = this.#numbers === undefined ? still : ratesOf(this.#numbers, numbers, atUnixMs - this.#atMs);
    this.#numbers = numbers;
    this.#atMs = atUnixMs;
    this.#leftOut = update.streamsLeftOut;
    for (const key of update.namesGone) this.#names.delete(key);
    for (const name of update.names) this.#names.set(name.key, name);
    for (const id of update.streamsGone) this.#streams.delete(id);
    const told = new Set<string>();
    for (const stream of update.streams) {
      told.add(stream.id);
      const known = this.#streams.get(stream.id);
      const rates = known === undefined ? still : ratesOf(known.stream, stream, atUnixMs - known.asOfMs);
      this.#streams.set(stream.id, { stream, rates, asOfMs: atUnixMs });
    }
    if (update.streams.length + update.names.length >= fullMessageRows) return;
    for (const [id, known] of this.#streams) {
      if (told.has(id)) continue;
      known.rates = still;
      known.asOfMs = atUnixMs;
    }
  }

  /** The numbers of the last message. */
  get numbers(): RouterNumbers | undefined {
    return this.#numbers;
  }

  /** The rates of the router as a whole. */
  get rates(): Rates {
    return this.#rates;
  }

  /** The router's time of the last message. */
  get atMs(): number {
    return this.#atMs;
  }

  /** The number of streams that the router has left out. */
  get leftOut(): number {
    return this.#leftOut;
  }

  get names(): RouterName[] {
    return [...this.#names.values()];
  }

  get streams(): RatedStream[] {
    return Array.from(this.#streams.values(), ({ stream, rates }) => ({ stream, ...rates }));
  }
}

interface Bytes {
  readonly bytesToDialler: number;
  readonly bytesToListener: number;
}

function ratesOf(before: Bytes, after: Bytes, elapsedMs: number): Rates {
  const rate = (from: number, to: number): number => Math.round(perSecond(from, to, elapsedMs));
  return {
    toDialler: rate(before.bytesToDialler, after.bytesToDialler),
    toListener: rate(before.bytesToListener, after.bytesToListener),
  };
}
