/** A router for tests of the dashboard: it tells what a test lets it tell, and notes what it is asked to do. */
import type {
  DashboardSource,
  RouterChanges,
  RouterNumbers,
  SourceWatchOptions,
  StreamEntry,
} from "../../src/index.js";

export const numbersOfNothing: RouterNumbers = {
  bytesToDialler: 0,
  bytesToListener: 0,
  liveStreams: 0,
  waitingStreams: 0,
  detachedSessions: 0,
  listeners: 0,
  streamsOpened: 0,
  refused: 0,
  resumed: 0,
  connections: 0,
  eventLoopDelayMs: 0,
  residentBytes: 0,
  heapBytes: 0,
  state: "serving",
  startedUnixMs: 0,
  version: "0",
  limits: [],
};

export const noChanges: RouterChanges = {
  snapshot: false,
  atUnixMs: 0,
  numbers: numbersOfNothing,
  names: [],
  namesGone: [],
  streams: [],
  streamsGone: [],
  streamsLeftOut: 0,
  events: [],
};

/** Returns a stream. */
export function streamOf(id: string, changed: Partial<StreamEntry> = {}): StreamEntry {
  const party = { identity: "", peer: "", tokenId: "", attached: true, roundTripMs: 0 };
  return {
    id,
    name: "lab",
    dialler: { ...party, identity: "alice", peer: "10.0.0.1:1" },
    listener: { ...party, identity: "board", peer: "10.0.0.2:2" },
    state: "live",
    sinceUnixMs: 0,
    bytesToDialler: 0,
    bytesToListener: 0,
    attempts: 1,
    metadata: {},
    waits: [],
    ...changed,
  };
}

interface Watch {
  readonly options: SourceWatchOptions;
  readonly waiting: RouterChanges[];
  wake: () => void;
}

export class FakeRouter implements DashboardSource {
  /** The actions, as text. */
  readonly done: string[] = [];
  /** The watches that go on. */
  readonly watches: Set<Watch> = new Set();
  /** Makes the next action fail. */
  problem: string | undefined;

  async *watch(options: SourceWatchOptions): AsyncGenerator<RouterChanges> {
    const watch: Watch = { options, waiting: [], wake: () => {} };
    this.watches.add(watch);
    options.signal.addEventListener("abort", () => watch.wake());
    try {
      while (!options.signal.aborted) {
        const next = watch.waiting.shift();
        if (next !== undefined) yield next;
        else
          await new Promise<void>((resolve) => {
            watch.wake = resolve;
          });
      }
    } finally {
      this.watches.delete(watch);
    }
  }

  /** Tells the watches of everything, and with `numbers` only those of the numbers. */
  tell(changes: Partial<RouterChanges>, who: "all" | "numbers" = "all"): void {
    for (const watch of this.watches) {
      if ((watch.options.maxStreams === 0) !== (who === "numbers")) continue;
      watch.waiting.push({ ...noChanges, ...changes });
      watch.wake();
    }
  }

  killStream(id: string, reason: string, by: string): void {
    this.#do(`kill ${id}: ${reason}; ${by.replace(/:\d+$/, "")}`);
  }

  evictName({ name, listenerId, reason, killStreams }: Parameters<DashboardSource["evictName"]>[0]) {
    this.#do(`evict ${name} ${listenerId ?? "all"} ${killStreams}: ${reason}`);
    return { listeners: 1, streams: 2 };
  }

  drain(deadlineMs: number | undefined): void {
    this.#do(`drain ${deadlineMs}`);
  }

  #do(what: string): void {
    if (this.problem !== undefined) throw new Error(this.problem);
    this.done.push(what);
  }
}

/** Lets everything happen that waits for no time and no socket. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}
