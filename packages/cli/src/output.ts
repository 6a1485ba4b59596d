/**
 * The output of the command. stdout is for results: lines of text, or with `--json` every event as one JSON object a
 * line. stderr is for the log: lines of text, or with `--json` one JSON object a line. A stdout that takes no more
 * throws nothing here: see `outputLost`.
 */
import { inspect } from "node:util";
import type { Clock } from "@trunkline/base";
import { systemClock } from "@trunkline/base/node";
import { CommandError, reasonOf, systemCode } from "./command-error.js";
import { ExitCode } from "./exit-codes.js";
import { formatDuration } from "./format.js";
import { Interrupted } from "./interruption.js";

/** The levels of `--log-level`. */
export const logLevels = ["debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof logLevels)[number];

/** An event for programs: `event` is its kind, and the README lists the other fields. */
export interface OutputEvent {
  readonly event: string;
  readonly [field: string]: unknown;
}

/** Options of the output. */
export interface OutputOptions {
  readonly json: boolean;
  /** The least level that is written. Default: `info`; with `--json` `warn`, since every event is on stdout then. */
  readonly logLevel?: LogLevel | undefined;
  /** False for a terminal on which nothing can be drawn (`TERM=dumb`). Default: true. */
  readonly canDraw?: boolean | undefined;
  /** The clock of repeated lines. Default: real time. */
  readonly clock?: Clock | undefined;
}

/** The level of one line of the log. */
export type Level = Exclude<LogLevel, "silent">;

/** Options of one note. */
export interface NoteOptions {
  /**
   * True for a line that a stranger can cause again and again. One line for each kind of event is written at once;
   * those that follow within 10 s are counted, and the count is written as one line.
   */
  readonly repeated?: boolean | undefined;
}

/** The system's codes for a file that takes no bytes, or no more. By every other code the reader of stdout has gone. */
const fileCodes: ReadonlySet<string | undefined> = new Set(["EBADF", "ENOSPC", "EDQUOT", "EFBIG"]);

/** Returns the error with which the command ends, since stdout has failed with `error`. */
function lossOf(error: unknown): Interrupted | CommandError {
  if (!fileCodes.has(systemCode(error))) return new Interrupted("EPIPE");
  return new CommandError(`cannot write to stdout: ${reasonOf(error)}`, ExitCode.broken, { cause: error });
}

/** The time in which repeated lines are counted instead of written. */
const repeatMs = 10_000;

interface Repeated {
  readonly level: Level;
  count: number;
  readonly cancel: () => void;
}

/** Writes results, events and the log. */
export class Output {
  readonly json: boolean;
  readonly #stdout: NodeJS.WriteStream;
  readonly #stderr: NodeJS.WriteStream;
  readonly #leastRank: number;
  readonly #canDraw: boolean;
  readonly #clock: Clock;
  readonly #outputLost = new AbortController();
  /** True where stdout carries a connection, which ends it: nothing is written to it then. */
  #handedOver = false;
  /** The kinds of events whose further lines are only counted now. */
  readonly #repeated = new Map<string, Repeated>();

  constructor(options: OutputOptions, stdout: NodeJS.WriteStream, stderr: NodeJS.WriteStream) {
    this.json = options.json;
    this.#canDraw = options.canDraw ?? true;
    this.#clock = options.clock ?? systemClock;
    this.#stdout = stdout;
    this.#stderr = stderr;
    // An "error" without a listener would end the process; a log without a reader is no reason to.
    stderr.on("error", () => {});
    stdout.on("error", (error) => {
      // A broken stream destroys the stdout that it is written to with its own error. Only an error of the system tells
      // that nothing can be written any more.
      if ("syscall" in error) this.#outputLost.abort(lossOf(error));
    });
    this.#leastRank = logLevels.indexOf(options.logLevel ?? (options.json ? "warn" : "info"));
  }

  /** True where stdout is a terminal that can be drawn on and takes text, so that a progress bar makes sense. */
  get interactive(): boolean {
    return !this.json && this.#canDraw && this.#stdout.isTTY === true;
  }

  /** The width of the terminal in characters; without limit where stdout is none. */
  get columns(): number {
    return (this.#stdout.isTTY === true && this.#stdout.columns) || Number.POSITIVE_INFINITY;
  }

  /** The terminal that a progress bar is drawn on. */
  get terminal(): NodeJS.WriteStream {
    return this.#stdout;
  }

  /**
   * Aborts when stdout takes no more, since no results are waited for then. The reason is an `Interrupted` where the
   * reader has closed it, as `| head -1` does, and a `CommandError` where its file cannot be written.
   */
  get outputLost(): AbortSignal {
    return this.#outputLost.signal;
  }

  /** Leaves stdout to a connection, which writes to it and ends it. Results go to the log from now on. */
  handOver(): void {
    this.#handedOver = true;
  }

  /** Writes text that is text with `--json`, too, such as help. */
  text(text: string): void {
    this.#stdout.write(text);
  }

  /** Writes a result that the user has asked for: the text, or with `--json` the event. */
  result(event: OutputEvent, text: string): void {
    if (this.#handedOver) this.#log("info", text);
    else if (this.json) this.#writeEvent(event);
    else this.#stdout.write(`${text}\n`);
  }

  /** Writes what happens meanwhile: the text to the log and, with `--json`, the event to stdout. */
  note(level: Level, event: OutputEvent, text: string, { repeated = false }: NoteOptions = {}): void {
    if (this.json) this.#writeEvent(event);
    if (!repeated || !this.#count(level, event.event)) this.#log(level, text);
  }

  /** Writes an error with its stack and its causes on one line, for the search of what went wrong. */
  debug(error: unknown, text: string): void {
    this.#log("debug", text, inspect(error));
  }

  /** Writes why the command ends: one line on stderr, whatever the log level is. */
  failure(message: string, exitCode: number): void {
    if (!this.json) {
      this.#stderr.write(`trunkline: ${message}\n`);
      return;
    }
    this.#writeEvent({ event: "error", message, exitCode });
    this.#writeRecord({ level: "fatal", exitCode, msg: message });
  }

  /** Writes the counts of repeated lines, and resolves when everything has left the process, or has no reader. */
  async flush(): Promise<void> {
    for (const kind of this.#repeated.keys()) this.#writeCount(kind);
    const streams = this.#handedOver ? [this.#stderr] : [this.#stdout, this.#stderr];
    await Promise.all(streams.map((stream) => new Promise<void>((resolve) => stream.write("", () => resolve()))));
  }

  /** Returns true if a line of this kind was written lately and this one is only counted. */
  #count(level: Level, kind: string): boolean {
    const lately = this.#repeated.get(kind);
    if (lately !== undefined) {
      lately.count += 1;
      return true;
    }
    const cancel = this.#clock.at(this.#clock.nowMs() + repeatMs, () => this.#writeCount(kind), "watch");
    this.#repeated.set(kind, { level, count: 0, cancel });
    return false;
  }

  #writeCount(kind: string): void {
    const lately = this.#repeated.get(kind);
    if (lately === undefined) return;
    lately.cancel();
    this.#repeated.delete(kind);
    if (lately.count > 0)
      this.#log(lately.level, `${kind}: ${lately.count} more like it within ${formatDuration(repeatMs)}`);
  }

  #writeEvent(event: OutputEvent): void {
    const { event: kind, ...fields } = event;
    this.#stdout.write(`${JSON.stringify({ event: kind, time: new Date().toISOString(), ...fields })}\n`);
  }

  #log(level: Level, text: string, details?: string): void {
    if (logLevels.indexOf(level) < this.#leastRank) return;
    if (this.json) {
      this.#writeRecord({ level, msg: text, details });
      return;
    }
    // The time of day, without the day, which a person at a terminal knows.
    const time = new Date().toTimeString().slice(0, 8);
    const mark = level === "info" ? "" : `${level}: `;
    const more = details === undefined ? "" : `: ${JSON.stringify(details)}`;
    this.#stderr.write(`${time} ${mark}${text}${more}\n`);
  }

  #writeRecord({
    level,
    ...fields
  }: {
    level: Level | "fatal";
    exitCode?: number;
    msg: string;
    details?: string | undefined;
  }): void {
    this.#stderr.write(`${JSON.stringify({ level, time: new Date().toISOString(), ...fields })}\n`);
  }
}
