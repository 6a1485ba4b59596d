/**
 * The streams of the exchange that have not ended, with the parties of each: from the dial until both peers are done,
 * or until no peer can come any more. Time is an argument.
 */
import { Heap, type HeapEntry } from "@trunkline/base";
import type { Caller, StreamParties } from "../policy/access.js";
import type { OfferRecord } from "./offer-record.js";

/** A stream that was dialled. */
export interface DialledStream extends StreamParties {
  /** The subject of its tokens. */
  readonly stream: string;
  /** The time at which it was dialled. */
  readonly startedAtMs: number;
  /** The record of the listener that it is offered to. */
  readonly record: OfferRecord;
  /** The metadata of the dialler as an operator may see it. */
  readonly metadata: ShownMetadata;
}

/** The metadata of a peer without secrets and bounded, as `shownMetadata` makes it. */
export type ShownMetadata = Readonly<Record<string, string>>;

/** A stream with what its pairs of calls have carried so far. */
export interface TrackedStream extends DialledStream {
  /** The number of pairs of the stream that are not over. */
  readonly pairs: number;
  /** The number of pairs that there have been. */
  readonly attempts: number;
  /** The bytes of the pairs that are over. */
  readonly bytesToDialler: number;
  readonly bytesToListener: number;
  /** The time at which it was dialled, or at which its last pair was lost. */
  readonly withoutPairSinceMs: number;
}

interface Entry extends TrackedStream, HeapEntry {
  dueMs: number;
  /** Two, for a moment, while a session moves. */
  pairs: number;
  attempts: number;
  bytesToDialler: number;
  bytesToListener: number;
  withoutPairSinceMs: number;
}

/** The bytes that a pair has carried each way. */
export interface CarriedBytes {
  readonly toDialler: number;
  readonly toListener: number;
}

/** The time for which a session without a pair is kept. Its peers look for each other for as long by default. */
const detachedMs = 60_000;

/**
 * The time after the end of a stream's tokens for which it is kept: their last second is rounded up.
 */
const roundingMs = 1_000;

export class StreamTable {
  readonly #maxPending: number;
  readonly #entries: Map<string, Entry> = new Map();
  /** The streams whose peers are not joined yet, by the time after which none can come. */
  readonly #pending: Heap<Entry> = new Heap();
  readonly #dialledBy: Map<string, number> = new Map();
  #detached = 0;

  /** `maxPending` is the number of streams whose peers are not joined. */
  constructor(maxPending: number) {
    this.#maxPending = maxPending;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The number of streams that wait for their peers: to be joined, or to come back. */
  get pending(): number {
    return this.#pending.size;
  }

  /** The number of sessions whose pair is lost and whose peers may come back. */
  get detachedSessions(): number {
    return this.#detached;
  }

  /** Returns the streams, the oldest first, after those that have expired were removed. */
  list(nowMs: number): IterableIterator<TrackedStream> {
    this.#forget(nowMs);
    return this.#entries.values();
  }

  /**
   * Adds a stream whose tokens are good until `tokenUntilMs`. Returns false, without effect, where as many as may
   * already wait for their peers.
   */
  add(stream: DialledStream, tokenUntilMs: number, nowMs: number): boolean {
    this.#forget(nowMs);
    if (this.#pending.size >= this.#maxPending) return false;
    // By name: the copy of an object by "..." takes several times as long, for each stream.
    const entry: Entry = {
      stream: stream.stream,
      name: stream.name,
      dialler: stream.dialler,
      listener: stream.listener,
      startedAtMs: stream.startedAtMs,
      record: stream.record,
      dueMs: tokenUntilMs + roundingMs,
      heapIndex: -1,
      metadata: stream.metadata,
      pairs: 0,
      attempts: 0,
      bytesToDialler: 0,
      bytesToListener: 0,
      withoutPairSinceMs: nowMs,
    };
    this.#entries.set(entry.stream, entry);
    this.#pending.add(entry);
    entry.record.offered(entry.stream, nowMs);
    this.#count(entry.dialler, 1);
    return true;
  }

  find(stream: string): DialledStream | undefined {
    return this.#entries.get(stream);
  }

  /** Records that the listener has come for a stream. */
  listenerCame(stream: string): void {
    this.#entries.get(stream)?.record.taken(stream);
  }

  /** Records that both peers of a stream are joined: it lives until it has ended. */
  joined(stream: string): void {
    const entry = this.#entries.get(stream);
    if (entry === undefined) return;
    if (isDetached(entry)) this.#detached -= 1;
    entry.pairs += 1;
    entry.attempts += 1;
    this.#pending.remove(entry);
  }

  /** Records that a pair of a session is lost: the session ends unless its peers come back. */
  detached(stream: string, { toDialler, toListener }: CarriedBytes, nowMs: number): void {
    const entry = this.#entries.get(stream);
    if (entry === undefined) return;
    entry.pairs -= 1;
    entry.bytesToDialler += toDialler;
    entry.bytesToListener += toListener;
    if (entry.pairs > 0) return;
    this.#detached += 1;
    entry.withoutPairSinceMs = nowMs;
    this.#pending.remove(entry);
    entry.dueMs = nowMs + detachedMs;
    this.#pending.add(entry);
  }

  /** Records that a stream has ended, or was not offered. */
  ended(stream: string): void {
    const entry = this.#entries.get(stream);
    if (entry === undefined) return;
    this.#pending.remove(entry);
    entry.record.ended(stream);
    this.#remove(entry);
  }

  /** Returns the number of streams that the identity has dialled and that have not ended. */
  dialledBy(identity: string, nowMs: number): number {
    this.#forget(nowMs);
    return this.#dialledBy.get(identity) ?? 0;
  }

  #forget(nowMs: number): void {
    for (let next = this.#pending.takeDue(nowMs); next !== undefined; next = this.#pending.takeDue(nowMs)) {
      next.record.missed(next.stream, nowMs);
      this.#remove(next);
    }
  }

  #remove(entry: Entry): void {
    if (isDetached(entry)) this.#detached -= 1;
    this.#entries.delete(entry.stream);
    this.#count(entry.dialler, -1);
  }

  #count({ identity }: Caller, change: 1 | -1): void {
    const count = (this.#dialledBy.get(identity) ?? 0) + change;
    if (count === 0) this.#dialledBy.delete(identity);
    else this.#dialledBy.set(identity, count);
  }
}

/** Returns true for a session whose pair is lost. */
export function isDetached({ pairs, attempts }: Pick<TrackedStream, "pairs" | "attempts">): boolean {
  return pairs === 0 && attempts > 0;
}
