/** A router with as many streams as one likes, as the dashboard sees one: a third of them move in each second. */
import { setTimeout as sleep } from "node:timers/promises";

const party = { tokenId: "", attached: true, roundTripMs: 4 };

export class ManyStreams {
  #count;
  #ticks = 0;

  /** @param {number} count */
  constructor(count) {
    this.#count = count;
  }

  /** @param {{ intervalMs: number, maxStreams: number, signal: AbortSignal }} options */
  async *watch({ intervalMs, maxStreams, signal }) {
    for (let isFirst = true; !signal.aborted; isFirst = false) {
      this.#ticks += 1;
      const numbers = this.#numbers();
      const streams = maxStreams === 0 ? [] : this.#streams(isFirst);
      yield {
        snapshot: isFirst,
        atUnixMs: Date.now(),
        numbers,
        names: [],
        namesGone: [],
        streams,
        streamsGone: [],
        streamsLeftOut: 0,
        events: [],
      };
      await sleep(intervalMs, undefined, { signal }).catch(() => {}); // the loop sees that it is aborted
    }
  }

  #streams(isFirst) {
    const streams = [];
    for (let index = 0; index < this.#count; index += 1) {
      if (!isFirst && index % 3 !== this.#ticks % 3) continue;
      streams.push({
        id: `stream-${index}`,
        name: `lab/board-${index % 97}`,
        dialler: { ...party, identity: `user-${index}`, peer: `10.0.${index % 256}.1:1234` },
        listener: { ...party, identity: `board-${index % 97}`, peer: "10.1.0.1:99" },
        state: "live",
        sinceUnixMs: Date.now() - index * 1_000,
        bytesToDialler: this.#ticks * index,
        bytesToListener: this.#ticks * 7,
        attempts: 1,
        metadata: {},
        waits: [],
      });
    }
    return streams;
  }

  #numbers() {
    return {
      bytesToDialler: this.#ticks * 1_000,
      bytesToListener: this.#ticks * 10,
      liveStreams: this.#count,
      waitingStreams: 0,
      detachedSessions: 0,
      listeners: 97,
      streamsOpened: this.#count,
      refused: 0,
      resumed: 0,
      connections: 2,
      eventLoopDelayMs: 1,
      residentBytes: 1e8,
      heapBytes: 5e7,
      state: "serving",
      startedUnixMs: Date.now() - 60_000,
      version: "0",
      limits: [],
    };
  }

  killStream() {}

  evictName() {
    return { listeners: 0, streams: 0 };
  }

  drain() {}
}
