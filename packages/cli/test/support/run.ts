import { EventLog, type JsonEvent } from "./event-log.js";

/** One run of the command: its output, its events and its end. */
export abstract class Run {
  /** The exit code of the command, or the signal that has killed it. */
  abstract readonly exit: Promise<number | NodeJS.Signals>;
  stdout = "";
  stderr = "";
  readonly #events = new EventLog();

  /** Sends a signal; SIGKILL ends it in any case. */
  abstract kill(signal: NodeJS.Signals): void;

  get errorLines(): string[] {
    return this.stderr.split("\n").slice(0, -1);
  }

  /**
   * Returns the next event of the kind that was not returned before, also one that came already. Rejects when the
   * command ends without it.
   */
  event(kind: string): Promise<JsonEvent> {
    return this.#events.next(kind);
  }

  /** Sends a signal, and returns the exit code when the command has ended. */
  end(signal: NodeJS.Signals): Promise<number | NodeJS.Signals> {
    this.kill(signal);
    return this.exit;
  }

  protected wroteStdout(text: string): void {
    this.stdout += text;
    this.#events.push(text);
  }

  protected over(): void {
    this.#events.end(
      (kind) => new Error(`the command ended without the event ${kind}\n${this.stdout}\n${this.stderr}`),
    );
  }
}
