/** The events that a command writes with `--json`, for tests that wait for them. */

export interface JsonEvent {
  readonly event: string;
  readonly [field: string]: unknown;
}

interface Waiter {
  readonly kind: string;
  resolve(event: JsonEvent): void;
  reject(error: Error): void;
}

export class EventLog {
  readonly #events: JsonEvent[] = [];
  #waiters: Waiter[] = [];
  #unfinishedLine = "";
  /** Makes the error of those who wait for an event that will not come; set at the end of the command. */
  #over: ((kind: string) => Error) | undefined;

  /** Takes a piece of the output; lines that are no events are ignored. */
  push(text: string): void {
    const lines = (this.#unfinishedLine + text).split("\n");
    this.#unfinishedLine = lines.pop() ?? "";
    for (const line of lines) {
      if (!line.startsWith('{"event":')) continue;
      const event = JSON.parse(line) as JsonEvent;
      const waiter = this.#waiters.find(({ kind }) => kind === event.event);
      if (waiter === undefined) {
        this.#events.push(event);
      } else {
        this.#waiters = this.#waiters.filter((each) => each !== waiter);
        waiter.resolve(event);
      }
    }
  }

  /** Ends the log: waits reject with the error. */
  end(missing: (kind: string) => Error): void {
    this.#over = missing;
    for (const { kind, reject } of this.#waiters) reject(missing(kind));
  }

  /** Returns the next event of the kind that was not returned before, also one that came already. */
  next(kind: string): Promise<JsonEvent> {
    const index = this.#events.findIndex(({ event }) => event === kind);
    if (index !== -1) return Promise.resolve(this.#events.splice(index, 1)[0] as JsonEvent);
    if (this.#over !== undefined) return Promise.reject(this.#over(kind));
    return new Promise((resolve, reject) => this.#waiters.push({ kind, resolve, reject }));
  }
}
