/**
 * Knows the widest send window of a connection, so that SETTINGS which would move one past 2^31-1 (RFC 9113 §6.9.2) are
 * noticed without looking at all streams. Only streams that were granted more than they have sent are kept.
 */
import { Heap, type HeapEntry } from "@trunkline/base";
import type { Stream } from "../stream/stream.js";

/**
 * A stream in the heap, ordered by what it was granted when it was put there, the most first. It may have sent since.
 */
class Entry implements HeapEntry {
  readonly stream: Stream;
  readonly dueMs: number;
  heapIndex = -1;

  constructor(stream: Stream) {
    this.stream = stream;
    this.dueMs = -stream.sendWindow.granted;
  }
}

export class WidestWindows {
  readonly #heap: Heap<Entry> = new Heap();

  /** The stream's window was widened by WINDOW_UPDATE. */
  grew(stream: Stream): void {
    const { granted } = stream.sendWindow;
    if (granted <= 0) return;
    const before = stream.widestEntry;
    if (before !== undefined && granted <= -before.dueMs) return;
    this.forget(stream);
    const entry = new Entry(stream);
    stream.widestEntry = entry;
    this.#heap.add(entry);
  }

  /** The stream is gone. */
  forget(stream: Stream): void {
    const entry = stream.widestEntry;
    if (entry === undefined) return;
    stream.widestEntry = undefined;
    this.#heap.remove(entry as Entry);
  }

  /**
   * Returns the stream that was granted most, if it was granted more than `limit`. What was sent since is seen here.
   */
  past(limit: number): Stream | undefined {
    for (let first = this.#heap.first; first !== undefined; first = this.#heap.first) {
      const { stream } = first;
      if (stream.state === "closed") this.forget(stream);
      else if (-first.dueMs <= limit) return undefined;
      else if (stream.sendWindow.granted === -first.dueMs) return stream;
      else {
        this.forget(stream);
        this.grew(stream);
      }
    }
    return undefined;
  }
}
