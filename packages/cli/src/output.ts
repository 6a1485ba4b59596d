/**
 * What the command says. stdout is for results: lines of text, or with `--json` every event as one JSON object a line.
 * stderr is for the log: lines of text, or with `--json` pino's JSON. Nobody reading either is no error: see `readerGone`.
 */
import { type Logger, pino } from "pino";

export const logLevels = ["debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof logLevels)[number];

/** What happened, for programs: `event` says which kind, the rest is listed in the README. */
export interface OutputEvent {
  readonly event: string;
  readonly [field: string]: unknown;
}

export interface OutputOptions {
  readonly json: boolean;
  /** Default: `info`, with `--json` `warn`, since there every event is on stdout already. */
  readonly logLevel?: LogLevel | undefined;
}

export type Level = Exclude<LogLevel, "silent">;

export class Output {
  readonly json: boolean;
  readonly #stdout: NodeJS.WriteStream;
  readonly #stderr: NodeJS.WriteStream;
  readonly #log: Logger;
  readonly #readerGone = new AbortController();

  constructor(options: OutputOptions, stdout: NodeJS.WriteStream, stderr: NodeJS.WriteStream) {
    this.json = options.json;
    this.#stdout = stdout;
    this.#stderr = stderr;
    // An "error" without a listener would end the process; a log that nobody reads is no reason to.
    stderr.on("error", () => {});
    stdout.on("error", (error) => this.#readerGone.abort(error));
    const level = options.logLevel ?? (options.json ? "warn" : "info");
    this.#log = pino(
      {
        level,
        base: null,
        formatters: { level: (label) => ({ level: label }) },
        timestamp: pino.stdTimeFunctions.isoTime,
      },
      { write: (line: string) => this.#writeLog(line) },
    );
  }

  /** True where stdout is a terminal and takes text: a progress bar makes sense. */
  get interactive(): boolean {
    return !this.json && this.#stdout.isTTY === true;
  }

  /** Where a progress bar is drawn. */
  get terminal(): NodeJS.WriteStream {
    return this.#stdout;
  }

  /** Aborts when stdout was closed by its reader, as `| head -1` does: nobody waits for results any more. */
  get readerGone(): AbortSignal {
    return this.#readerGone.signal;
  }

  /** Text that is text in any case, such as help. */
  text(text: string): void {
    this.#stdout.write(text);
  }

  /** What the user asked for: the text, or the event. */
  result(event: OutputEvent, text: string): void {
    if (this.json) this.#writeEvent(event);
    else this.#stdout.write(`${text}\n`);
  }

  /** What happens meanwhile: the text goes to the log, the event (with `--json`) to stdout. */
  note(level: Level, event: OutputEvent, text: string): void {
    if (this.json) this.#writeEvent(event);
    this.#log[level](text);
  }

  /** For those who look for the cause of something. */
  debug(fields: object, text: string): void {
    this.#log.debug(fields, text);
  }

  /** Why the command ends: one line on stderr whatever the log level is. */
  failure(message: string, exitCode: number): void {
    if (!this.json) {
      this.#stderr.write(`trunkline: ${message}\n`);
      return;
    }
    this.#writeEvent({ event: "error", message, exitCode });
    const fatal = { level: "fatal", time: new Date().toISOString(), exitCode, msg: message };
    this.#stderr.write(`${JSON.stringify(fatal)}\n`);
  }

  /** Resolves when all that was written has left the process, or nobody reads it. */
  async flush(): Promise<void> {
    const flushed = (stream: NodeJS.WriteStream): Promise<void> =>
      new Promise((resolve) => stream.write("", () => resolve()));
    await Promise.all([flushed(this.#stdout), flushed(this.#stderr)]);
  }

  #writeEvent(event: OutputEvent): void {
    const { event: kind, ...fields } = event;
    this.#stdout.write(`${JSON.stringify({ event: kind, time: new Date().toISOString(), ...fields })}\n`);
  }

  #writeLog(line: string): void {
    this.#stderr.write(this.json ? line : textOf(line));
  }
}

/** A line of pino's as people read it; what it has beyond level, time and message follows as JSON. */
function textOf(line: string): string {
  const { level, time, msg, ...rest } = JSON.parse(line) as { level: string; time: string; msg: string };
  const mark = level === "info" ? "" : `${level}: `;
  const more = Object.keys(rest).length === 0 ? "" : ` ${JSON.stringify(rest)}`;
  return `${localTime(time)} ${mark}${msg}${more}\n`;
}

/** `14:03:07`: who watches a terminal knows the day. */
function localTime(iso: string): string {
  return new Date(iso).toTimeString().slice(0, 8);
}
