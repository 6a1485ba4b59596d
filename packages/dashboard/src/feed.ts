/**
 * The watches of the router that all pages share: one of its numbers, for the plots, and one of everything while a page
 * is open. Each page gets messages of bounded size with what has changed since its previous message.
 */
import { callObserver } from "@trunkline/base";
import { Collection, type CollectionReader } from "./collection.js";
import { History, historyStepMs } from "./history.js";
import type {
  DashboardSource,
  NameEntry,
  RouterChanges,
  RouterLogEvent,
  RouterNumbers,
  SourceWatchOptions,
  StreamEntry,
} from "./source.js";

/** The time between two looks at the router, in milliseconds. */
const watchIntervalMs = 1_000;
/** The streams that pages show: a router's view tells of no more. */
const maxWatchedStreams = 20_000;
/** The entries in one message: some hundred kilobytes. */
const maxEntriesPerMessage = 2_000;
/** The last events that a new page gets. */
const maxKeptEvents = 1_000;
const maxEventsPerMessage = 250;

/** The state of a router, for any number of pages. */
export class Feed implements Disposable {
  readonly history: History = new History();
  readonly #source: DashboardSource;
  readonly #onError: (error: unknown) => void;
  readonly #names: Collection<NameEntry> = new Collection();
  readonly #streams: Collection<StreamEntry> = new Collection();
  readonly #events: string[] = [];
  /** The number of events that have left the list of the last ones. */
  #eventsDropped = 0;
  #numbers: RouterNumbers | undefined;
  #numbersVersion = 0;
  #streamsLeftOut = 0;
  readonly #end: AbortController = new AbortController();
  #watch: AbortController | undefined;
  readonly #readers: Set<FeedReader> = new Set();

  /** Begins to watch the numbers of a router. `onError` is told of a watch that has failed. */
  constructor(source: DashboardSource, onError: (error: unknown) => void) {
    this.#source = source;
    this.#onError = onError;
    const take = ({ numbers, atUnixMs }: RouterChanges): void => this.history.take(numbers, atUnixMs);
    this.#run({ intervalMs: historyStepMs, maxStreams: 0, signal: this.#end.signal }, take);
  }

  /**
   * Returns the reader of a new page, which gets everything first. `onChange` is called when there is something to
   * `take`.
   */
  newReader(onChange: () => void): FeedReader {
    const reader = new FeedReader(
      {
        names: this.#names.newReader(),
        streams: this.#streams.newReader(),
        state: (from) => this.#state(from),
        forget: (gone) => {
          this.#readers.delete(gone);
          if (this.#readers.size === 0) this.#stop();
        },
      },
      onChange,
    );
    this.#readers.add(reader);
    if (this.#watch === undefined) {
      this.#watch = new AbortController();
      const { signal } = this.#watch;
      this.#run({ intervalMs: watchIntervalMs, maxStreams: maxWatchedStreams, signal }, (changes) =>
        this.#take(changes),
      );
    }
    return reader;
  }

  #run(options: SourceWatchOptions, take: (changes: RouterChanges) => void): void {
    const { signal } = options;
    const run = async (): Promise<void> => {
      for await (const changes of this.#source.watch(options)) {
        if (signal.aborted) return;
        take(changes);
      }
    };
    run().catch((error: unknown) => {
      if (!signal.aborted) callObserver(() => this.#onError(error));
    });
  }

  #take(changes: RouterChanges): void {
    this.history.take(changes.numbers, changes.atUnixMs);
    this.#numbers = changes.numbers;
    this.#numbersVersion += 1;
    this.#streamsLeftOut = changes.streamsLeftOut;
    if (changes.snapshot) {
      this.#names.keepOnly(new Set(changes.names.map(({ key }) => key)));
      this.#streams.keepOnly(new Set(changes.streams.map(({ id }) => id)));
      this.#eventsDropped += this.#events.length;
      this.#events.length = 0;
    }
    for (const key of changes.namesGone) this.#names.delete(key);
    for (const id of changes.streamsGone) this.#streams.delete(id);
    for (const entry of changes.names) this.#names.set(entry.key, entry);
    for (const entry of changes.streams) this.#streams.set(entry.id, entry);
    this.#keepEvents(changes.events);
    for (const reader of this.#readers) reader.onChange();
  }

  #keepEvents(events: readonly RouterLogEvent[]): void {
    for (const event of events) this.#events.push(JSON.stringify(event));
    const tooMany = this.#events.length - maxKeptEvents;
    if (tooMany <= 0) return;
    this.#events.splice(0, tooMany);
    this.#eventsDropped += tooMany;
  }

  /** Returns what a message holds beside names and streams, as JSON fields, and where the next one begins. */
  #state(from: Position): { readonly fields: readonly string[]; readonly next: Position; readonly hasMore: boolean } {
    const fields: string[] = [];
    if (from.numbers !== this.#numbersVersion && this.#numbers !== undefined) {
      fields.push(`"numbers":${JSON.stringify(this.#numbers)}`, `"streamsLeftOut":${this.#streamsLeftOut}`);
    }
    const points = this.history.since(from.points);
    if (points.length > 0) fields.push(`"points":${JSON.stringify(points)}`);
    const first = Math.max(from.events - this.#eventsDropped, 0);
    const events = this.#events.slice(first, first + maxEventsPerMessage);
    if (events.length > 0) fields.push(`"events":[${events.join(",")}]`);
    const last = first + events.length;
    const next = {
      numbers: this.#numbersVersion,
      points: this.history.taken,
      events: this.#eventsDropped + last,
    };
    return { fields, next, hasMore: last < this.#events.length };
  }

  #stop(): void {
    this.#watch?.abort();
    this.#watch = undefined;
    this.#names.keepOnly(new Set());
    this.#streams.keepOnly(new Set());
    this.#eventsDropped += this.#events.length;
    this.#events.length = 0;
  }

  [Symbol.dispose](): void {
    this.#end.abort();
    this.#stop();
  }
}

/** The place that a page has come to: versions, and counts since the beginning. */
interface Position {
  readonly numbers: number;
  readonly points: number;
  readonly events: number;
}

interface FeedAccess {
  readonly names: CollectionReader;
  readonly streams: CollectionReader;
  state(from: Position): { readonly fields: readonly string[]; readonly next: Position; readonly hasMore: boolean };
  forget(reader: FeedReader): void;
}

/** The changes that one page has yet to be told. */
export class FeedReader implements Disposable {
  readonly onChange: () => void;
  readonly #access: FeedAccess;
  #position: Position = { numbers: 0, points: 0, events: 0 };
  #hasMore = false;

  constructor(access: FeedAccess, onChange: () => void) {
    this.#access = access;
    this.onChange = onChange;
  }

  /** True where `take` left something for the next message. */
  get hasMore(): boolean {
    return this.#hasMore;
  }

  /** Returns the next message as JSON; undefined where nothing has changed. */
  take(): string | undefined {
    const { names, streams } = this.#access;
    const { fields, next, hasMore } = this.#access.state(this.#position);
    this.#position = next;
    const parts = [...fields];
    for (const [kind, reader] of [
      ["names", names],
      ["streams", streams],
    ] as const) {
      const { changed, gone } = reader.take(maxEntriesPerMessage);
      if (changed.length > 0) parts.push(`"${kind}":[${changed.join(",")}]`);
      if (gone.length > 0) parts.push(`"${kind}Gone":${JSON.stringify(gone)}`);
    }
    this.#hasMore = hasMore || names.hasMore || streams.hasMore;
    return parts.length === 0 ? undefined : `{${parts.join(",")}}`;
  }

  [Symbol.dispose](): void {
    this.#access.names[Symbol.dispose]();
    this.#access.streams[Symbol.dispose]();
    this.#access.forget(this);
  }
}
