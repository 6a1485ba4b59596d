/** The view of a live router: looks at its parts when it is asked, and no more often than is worth it. */
import { type AbortSignalLike, type Clock, maxTimerMs, pause, wholeNumber } from "@trunkline/base";
import { GrpcError, Status } from "@trunkline/grpc";
import type { StreamTable } from "../registry/streams.js";
import type { ListenerEntry } from "../service/listener-entry.js";
import type { Listeners } from "../service/listeners.js";
import type { Reporter } from "../service/reporter.js";
import type { RouterServiceHandler } from "../service/router-service.js";
import { shownMetadata } from "../service/shown-metadata.js";
import { version } from "../version.js";
import { Difference, type RouterState } from "./difference.js";
import type { EventLog } from "./event-log.js";
import { LoopDelay } from "./loop-delay.js";
import type { RoutedStream, RouterName, RouterNumbers, RouterUpdate, UsedLimit } from "./model.js";
import {
  checkEvict,
  checkReason,
  type Eviction,
  type EvictOptions,
  leastIntervalMs,
  resolveSnapshot,
  resolveWatch,
  type SnapshotOptions,
  type WatchOptions,
} from "./options.js";
import type { RouterView } from "./router-view.js";
import { listStreams } from "./stream-list.js";

/** The parts of a router that its view looks at. */
export interface ViewedRouter {
  readonly routing: RouterServiceHandler;
  readonly listeners: Listeners;
  readonly streams: StreamTable;
  readonly reporter: Reporter;
  readonly log: EventLog;
  readonly clock: Clock;
  readonly limits: {
    readonly maxConnections: number;
    readonly maxListeners: number;
    readonly maxWaitingPeers: number;
    readonly maxRememberedStreams: number;
    readonly maxLingeringPeers: number;
  };
  unixNowMs(): number;
  /** Returns the number of connections. */
  connections(): number;
  isDraining(): boolean;
  /** Drains the router, within its own time where `deadlineMs` is undefined. */
  drain(deadlineMs: number | undefined): void;
}

/**
 * The least time between two looks at all streams, in multiples of the time that one takes: looking never costs more
 * than a twentieth of the processor, however many streams and watchers there are.
 */
const restFactor = 20;

/** The name under which the events tell what the router's own program has done. */
const ownProgram = "the router's program";

export class LiveRouterView implements RouterView {
  readonly #router: ViewedRouter;
  readonly #delay: LoopDelay = new LoopDelay();
  readonly #startedUnixMs: number;
  /** The difference between Unix time and the clock's, fixed so that a time is always told alike. */
  readonly #offsetMs: number;
  #state: RouterState | undefined;
  /** The time from which on the state is looked at anew. */
  #staleAtMs = Number.NEGATIVE_INFINITY;

  constructor(router: ViewedRouter) {
    this.#router = router;
    this.#startedUnixMs = Math.floor(router.unixNowMs());
    this.#offsetMs = router.unixNowMs() - router.clock.nowMs();
  }

  snapshot(options: SnapshotOptions = {}): RouterUpdate {
    const unbounded = { rows: Number.MAX_SAFE_INTEGER, gone: 0, events: Number.MAX_SAFE_INTEGER };
    return new Difference(resolveSnapshot(options), this.#router.log, unbounded).next(this.#look()).update;
  }

  watch(options: WatchOptions = {}): AsyncGenerator<RouterUpdate, void, undefined> {
    const { intervalMs, ...shown } = resolveWatch(options);
    return this.#messages(new Difference(shown, this.#router.log), intervalMs, options.signal);
  }

  async *#messages(
    difference: Difference,
    intervalMs: number,
    signal: AbortSignalLike | undefined,
  ): AsyncGenerator<RouterUpdate, void, undefined> {
    const { clock } = this.#router;
    this.#delay.acquire();
    try {
      while (!isAborted(signal)) {
        const { update, whole } = difference.next(this.#look());
        const toldAtMs = clock.nowMs();
        yield update;
        const dueMs = toldAtMs + (whole ? intervalMs : leastIntervalMs);
        await pause(clock, dueMs - clock.nowMs(), "watch", signal);
      }
    } finally {
      this.#delay.release();
    }
  }

  /** Returns one snapshot in messages that are small enough for a call. @throws as `snapshot` */
  *parts(options: SnapshotOptions): Generator<RouterUpdate, void, undefined> {
    const difference = new Difference(resolveSnapshot(options), this.#router.log);
    const state = this.#look();
    for (let whole = false; !whole; ) {
      const next = difference.next(state);
      yield next.update;
      whole = next.whole;
    }
  }

  killStream(id: string, reason = "", by: string = ownProgram): void {
    checkReason(reason);
    this.#staleAtMs = Number.NEGATIVE_INFINITY;
    const stream = this.#look().streams.get(id);
    if (stream === undefined)
      throw new GrpcError(Status.NOT_FOUND, `there is no stream with the id ${JSON.stringify(id.slice(0, 200))}`);
    this.#kill([stream], reason, by);
  }

  evictName(options: EvictOptions, by: string = ownProgram): Eviction {
    checkEvict(options);
    const { name, listenerId, reason = "", killStreams = false } = options;
    const { listeners, reporter, streams, clock } = this.#router;
    const entries = listeners.find(name).filter(({ id }) => listenerId === undefined || listenerId === id);
    if (entries.length === 0) {
      const which = listenerId === undefined ? "no listener" : `no listener ${JSON.stringify(listenerId.slice(0, 64))}`;
      throw new GrpcError(Status.NOT_FOUND, `the name ${JSON.stringify(name.slice(0, 128))} has ${which}`);
    }
    const because = reason === "" ? "" : `: ${reason}`;
    for (const entry of entries)
      listeners.evict(entry, new GrpcError(Status.ABORTED, `an operator has taken the name away${because}`));
    reporter.tell({ kind: "evicted", name, listeners: entries.length, operator: by, reason });
    this.#staleAtMs = Number.NEGATIVE_INFINITY;
    if (!killStreams) return { listeners: entries.length, streams: 0 };
    const records = new Set(entries.map(({ record }) => record));
    const state = this.#look();
    const theirs = [...streams.list(clock.nowMs())]
      .filter((stream) => (listenerId === undefined ? stream.name === name : records.has(stream.record)))
      .flatMap(({ stream }) => state.streams.get(stream) ?? []);
    this.#kill(theirs, reason, by);
    return { listeners: entries.length, streams: theirs.length };
  }

  drain(deadlineMs?: number | undefined, by: string = ownProgram): void {
    if (deadlineMs !== undefined) wholeNumber("deadlineMs", deadlineMs, 0, maxTimerMs);
    this.#router.reporter.tell({ kind: "drain-requested", operator: by, deadlineMs });
    this.#router.drain(deadlineMs);
  }

  #kill(streams: readonly RoutedStream[], reason: string, by: string): void {
    const { routing, reporter } = this.#router;
    routing.kill(new Set(streams.map(({ id }) => id)), { by, reason });
    for (const { id, name } of streams) reporter.tell({ kind: "killed", stream: id, name, operator: by, reason });
    this.#staleAtMs = Number.NEGATIVE_INFINITY;
  }

  #look(): RouterState {
    const { clock, routing, streams, listeners } = this.#router;
    const nowMs = clock.nowMs();
    if (this.#state !== undefined && nowMs < this.#staleAtMs) return this.#state;
    const before = this.#state;
    const state: RouterState = {
      atUnixMs: Math.floor(this.#router.unixNowMs()),
      numbers: this.#numbers(),
      names: this.#names(listeners.list(), before?.names),
      streams: listStreams(
        {
          dialled: streams.list(nowMs),
          pairs: routing.pairs,
          peers: routing.peers,
          nowMs,
          unixMs: (ms) => Math.floor(ms + this.#offsetMs),
        },
        before?.streams ?? new Map(),
      ),
    };
    this.#state = state;
    this.#staleAtMs = nowMs + Math.max(leastIntervalMs, restFactor * (clock.nowMs() - nowMs));
    return state;
  }

  #numbers(): RouterNumbers {
    const { reporter, streams, isDraining, connections } = this.#router;
    const { stats } = reporter;
    const { rss, heapUsed } = process.memoryUsage();
    return {
      bytesToDialler: stats.bytes - stats.bytesToListeners,
      bytesToListener: stats.bytesToListeners,
      liveStreams: stats.livePairs,
      waitingStreams: stats.waitingPeers,
      detachedSessions: streams.detachedSessions,
      listeners: stats.listeners,
      streamsOpened: stats.pairs - stats.resumptions,
      refused: stats.refusals,
      resumed: stats.resumptions,
      connections: connections(),
      eventLoopDelayMs: this.#delay.takeMs(),
      residentBytes: rss,
      heapBytes: heapUsed,
      state: isDraining() ? "draining" : "serving",
      startedUnixMs: this.#startedUnixMs,
      version,
      limits: this.#limits(),
    };
  }

  #limits(): UsedLimit[] {
    const { limits, reporter, streams, connections } = this.#router;
    const { stats } = reporter;
    return [
      { name: "maxConnections", used: connections(), limit: limits.maxConnections },
      { name: "maxListeners", used: stats.listeners, limit: limits.maxListeners },
      { name: "maxWaitingPeers", used: stats.waitingPeers, limit: limits.maxWaitingPeers },
      { name: "maxRememberedStreams", used: streams.pending, limit: limits.maxRememberedStreams },
      { name: "maxLingeringPeers", used: stats.lingeringPeers, limit: limits.maxLingeringPeers },
    ];
  }

  #names(
    entries: readonly ListenerEntry[],
    before: ReadonlyMap<string, RouterName> | undefined,
  ): Map<string, RouterName> {
    return new Map(
      entries.map((entry) => {
        const { id, record, health } = entry;
        const known = before?.get(id);
        const problem = health.problem ?? "";
        const { streams, offers: streamsInAll } = record;
        const isSame = known?.problem === problem && known.streams === streams && known.streamsInAll === streamsInAll;
        return [id, known !== undefined && isSame ? known : nameOf(entry, known)];
      }),
    );
  }
}

function nameOf(entry: ListenerEntry, known: RouterName | undefined): RouterName {
  const { id, name, identity, call, sinceUnixMs, request, health, record } = entry;
  return {
    key: id,
    name,
    identity: identity.slice(0, maxIdentityChars),
    listenerId: id,
    peer: call.peer.address,
    sinceUnixMs: Math.floor(sinceUnixMs),
    metadata: known?.metadata ?? shownMetadata(request.metadata),
    problem: health.problem ?? "",
    streams: record.streams,
    streamsInAll: record.offers,
  };
}

/** The longest identity that is told. */
const maxIdentityChars = 255;

function isAborted(signal: AbortSignalLike | undefined): boolean {
  return signal?.aborted === true;
}
