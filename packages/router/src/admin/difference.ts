/**
 * The changes that one watcher has to be told, found by what it knows. Nothing is kept for a watcher beside the rows
 * that it has: one that is slow is told the difference to the present, however much has happened meanwhile.
 */
import type { EventLog } from "./event-log.js";
import type { RoutedStream, RouterName, RouterNumbers, RouterUpdate } from "./model.js";
import type { ResolvedSnapshot } from "./options.js";

/** The state of the router at one moment. An entry that is as it was before is the same object. */
export interface RouterState {
  readonly atUnixMs: number;
  readonly numbers: RouterNumbers;
  readonly names: ReadonlyMap<string, RouterName>;
  readonly streams: ReadonlyMap<string, RoutedStream>;
}

/** The most names and streams, removals, and events of one message, which stays below 4 MiB so. */
export interface MessageLimits {
  readonly rows: number;
  readonly gone: number;
  readonly events: number;
}

export const messageLimits: MessageLimits = { rows: 500, gone: 2_000, events: 200 };

export class Difference {
  readonly #options: ResolvedSnapshot;
  readonly #log: EventLog;
  readonly #limits: MessageLimits;
  #names: Map<string, RouterName> = new Map();
  #streams: Map<string, RoutedStream> = new Map();
  #nextEvent = 0;
  #isFirst = true;

  constructor(options: ResolvedSnapshot, log: EventLog, limits: MessageLimits = messageLimits) {
    this.#options = options;
    this.#log = log;
    this.#limits = limits;
  }

  /** Returns the next message, and whether it says all that there is to say. */
  next({ atUnixMs, numbers, names, streams }: RouterState): { readonly update: RouterUpdate; readonly whole: boolean } {
    const { filter, maxStreams } = this.#options;
    const shownNames =
      filter === "" ? names : selected(names, (name) => nameFits(name, filter), Number.MAX_SAFE_INTEGER);
    const fitting =
      filter === "" ? streams : selected(streams, (stream) => streamFits(stream, filter), Number.MAX_SAFE_INTEGER);
    const shown = fitting.size <= maxStreams ? fitting : selected(fitting, () => true, maxStreams);
    const changedNames = this.#changed(this.#names, shownNames, this.#limits.rows);
    const changedStreams = this.#changed(this.#streams, shown, this.#limits.rows - changedNames.rows.length);
    const { events, next } = this.#log.from(this.#nextEvent, this.#limits.events);
    this.#nextEvent = next;
    const update: RouterUpdate = {
      snapshot: this.#isFirst,
      atUnixMs,
      numbers,
      names: changedNames.rows,
      namesGone: changedNames.gone,
      streams: changedStreams.rows,
      streamsGone: changedStreams.gone,
      streamsLeftOut: fitting.size - shown.size,
      events,
    };
    this.#isFirst = false;
    return { update, whole: changedNames.whole && changedStreams.whole && this.#log.from(next, 1).events.length === 0 };
  }

  /**
   * Returns what has changed, and takes it as known. Where not all has room, what is new comes first, and then what was
   * told longest ago.
   */
  #changed<Row>(
    known: Map<string, Row>,
    present: ReadonlyMap<string, Row>,
    maxRows: number,
  ): { readonly rows: Row[]; readonly gone: string[]; readonly whole: boolean } {
    const gone: string[] = [];
    const rows: Row[] = [];
    let whole = true;
    const tell = (key: string, row: Row): void => {
      if (rows.length >= maxRows) {
        whole = false;
        return;
      }
      rows.push(row);
      known.delete(key); // behind the others
      known.set(key, row);
    };
    const earlier = [...known];
    for (const [key, row] of present) if (!known.has(key)) tell(key, row);
    for (const [key, row] of earlier) {
      const now = present.get(key);
      if (now !== undefined && now !== row) tell(key, now);
      if (now !== undefined) continue;
      if (gone.length >= this.#limits.gone) {
        whole = false;
        continue;
      }
      gone.push(key);
      known.delete(key);
    }
    return { rows, gone, whole };
  }
}

function selected<Row>(rows: ReadonlyMap<string, Row>, fits: (row: Row) => boolean, most: number): Map<string, Row> {
  const chosen = new Map<string, Row>();
  for (const [key, row] of rows) {
    if (chosen.size >= most) break;
    if (fits(row)) chosen.set(key, row);
  }
  return chosen;
}

function nameFits({ name, identity, peer, listenerId }: RouterName, filter: string): boolean {
  return [name, identity, peer, listenerId].some((text) => text.includes(filter));
}

function streamFits({ id, name, dialler, listener }: RoutedStream, filter: string): boolean {
  const texts = [id, name, dialler.identity, dialler.peer, listener.identity, listener.peer];
  return texts.some((text) => text.includes(filter));
}
