/**
 * Bounds how often refused calls are reported. A caller without a token can make a server refuse thousands of calls in
 * a second; each kind (method and status) is reported a few times, then only counted, and the count is reported once.
 */
import type { Clock } from "@trunkline/base";
import type { RouterEvent } from "./events.js";

export type RefusedEvent = Extract<RouterEvent, { kind: "refused" }>;

export interface RefusalReportsOptions {
  readonly clock: Clock;
  /** The number of refusals of one kind that are reported one by one within `refusalIntervalMs`. */
  readonly maxReportedRefusals: number;
  /** The time after which the refusals of one kind that were left out are reported as a count. */
  readonly refusalIntervalMs: number;
}

/** The refusals of one kind in the current interval. */
interface Tally {
  readonly method: string;
  readonly status: RefusedEvent["status"];
  readonly startedAtMs: number;
  reported: number;
  omitted: number;
  cancel(): void;
}

export class RefusalReports {
  readonly #options: RefusalReportsOptions;
  readonly #tell: (event: RouterEvent) => void;
  /** One entry a method and status: both come from short fixed lists, so the table is small. */
  readonly #tallies: Map<string, Tally> = new Map();

  constructor(options: RefusalReportsOptions, tell: (event: RouterEvent) => void) {
    this.#options = options;
    this.#tell = tell;
  }

  add(event: RefusedEvent): void {
    const key = `${event.method} ${event.status}`;
    let tally = this.#tallies.get(key);
    if (tally === undefined) {
      tally = this.#begin(key, event);
      this.#tallies.set(key, tally);
    }
    if (tally.reported >= this.#options.maxReportedRefusals) {
      tally.omitted += 1;
      return;
    }
    tally.reported += 1;
    this.#tell(event);
  }

  /** Reports all counts now. */
  close(): void {
    for (const [key, tally] of this.#tallies) {
      tally.cancel();
      this.#end(key, tally);
    }
  }

  #begin(key: string, { method, status }: RefusedEvent): Tally {
    const { clock, refusalIntervalMs } = this.#options;
    const startedAtMs = clock.nowMs();
    const onInterval = (): void => this.#end(key, tally);
    const cancel = clock.at(startedAtMs + refusalIntervalMs, onInterval, "watch");
    const tally: Tally = { method, status, startedAtMs, reported: 0, omitted: 0, cancel };
    return tally;
  }

  #end(key: string, { method, status, startedAtMs, omitted }: Tally): void {
    this.#tallies.delete(key);
    if (omitted === 0) return;
    const durationMs = this.#options.clock.nowMs() - startedAtMs;
    this.#tell({ kind: "refusals-omitted", method, status, count: omitted, durationMs });
  }
}
