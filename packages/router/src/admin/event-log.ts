/** The last events of a router, for those who begin to watch it. */
import { shortened } from "@trunkline/base";
import type { RouterEvent } from "../service/events.js";
import type { LoggedEvent } from "./model.js";

/** The number of events that are kept. */
const maxEvents = 1_000;
/** The lengths to which texts are cut: events have texts of strangers. */
const maxFieldChars = 128;
const maxEventTextChars = 512;
/** The number of fields of one event; none has so many. */
const maxFields = 12;

interface Kept {
  readonly atUnixMs: number;
  readonly event: RouterEvent;
}

export class EventLog {
  readonly #unixNowMs: () => number;
  readonly #kept: (Kept | undefined)[] = [];
  /** The number of events so far. */
  #count = 0;

  constructor(unixNowMs: () => number) {
    this.#unixNowMs = unixNowMs;
  }

  add(event: RouterEvent): void {
    this.#kept[this.#count % maxEvents] = { atUnixMs: this.#unixNowMs(), event };
    this.#count += 1;
  }

  /**
   * Returns the events from the given number on, `most` of them, and the number of the one after them. Those that are
   * not kept any more are left out.
   */
  from(number: number, most: number): { readonly events: LoggedEvent[]; readonly next: number } {
    const begin = Math.max(number, this.#count - maxEvents);
    const next = Math.min(this.#count, begin + most);
    const events: LoggedEvent[] = [];
    for (let index = begin; index < next; index += 1) events.push(logged(this.#kept[index % maxEvents] as Kept));
    return { events, next };
  }
}

function logged({ atUnixMs, event }: Kept): LoggedEvent {
  const { kind, ...others } = event;
  const fields = Object.entries(others)
    .filter(([, value]) => value !== undefined)
    .slice(0, maxFields)
    .map(([name, value]): [string, string] => [name, shortened(fieldText(value), maxFieldChars)]);
  const words = fields.filter(([name]) => name !== "stream").map(([name, value]) => `${name} ${value}`);
  return {
    atUnixMs: Math.floor(atUnixMs),
    name: kind,
    streamId: "stream" in event ? shortened(event.stream, maxFieldChars) : "",
    text: shortened([kind, ...words].join(", "), maxEventTextChars),
    fields: Object.fromEntries(fields),
  };
}

function fieldText(value: unknown): string {
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
