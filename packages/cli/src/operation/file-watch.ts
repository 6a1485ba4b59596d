/**
 * Looks from time to time whether files have changed, and gives out what is in them. Tools that renew files need no
 * signal for that, and replace them in many ways: their content is compared. A change counts once two looks in a row
 * have found it, so that a file that is being written, or one of two that belong together, does no harm.
 */
import type { Buffer } from "node:buffer";
import { stat } from "node:fs/promises";
import { type Clock, isError } from "@trunkline/base";
import { CommandError, reasonOf } from "../command-error.js";
import { ExitCode } from "../exit-codes.js";

/** The time between two looks: a change counts after two of them at most, within 5 s. */
export const lookAgainMs = 2_000;

type Contents = readonly Buffer[];

/** Files that belong together, and the value that their contents make. */
export interface FileSource<Value> {
  readonly paths: readonly string[];
  /** Reads all files. @throws CommandError */
  read(): Promise<Contents>;
  /** Returns the value. @throws CommandError that says why the contents cannot be used */
  parse(contents: Contents): Value;
}

/** The files of a source as they were read. */
export interface LoadedFiles<Value> {
  readonly source: FileSource<Value>;
  readonly contents: Contents;
  readonly value: Value;
}

/** Reads the files of a source. @throws CommandError */
export async function loadFiles<Value>(source: FileSource<Value>): Promise<LoadedFiles<Value>> {
  const contents = await source.read();
  return { source, contents, value: source.parse(contents) };
}

/** Callbacks of a `FileWatch`. */
export interface FileWatchOptions<Value> {
  readonly clock: Clock;
  /** Called with a new value. */
  onChanged(value: Value): void;
  /** Called where the files cannot be used, once until they change: the old value stays. */
  onUnusable(error: CommandError): void;
}

/** Watches the files; undefined where one of them is a pipe or a device, whose content is there only once. */
export async function watchFiles<Value>(
  files: LoadedFiles<Value>,
  options: FileWatchOptions<Value>,
): Promise<FileWatch<Value> | undefined> {
  return (await canReadAgain(files.source.paths)) ? new FileWatch(files, options) : undefined;
}

/** Returns false where one of the files is a pipe or a device, whose content is there only once. */
export async function canReadAgain(paths: readonly string[]): Promise<boolean> {
  const areFiles = paths.map((path) =>
    stat(path).then(
      (found) => found.isFile(),
      () => true, // it was there a moment ago, and may be again
    ),
  );
  return (await Promise.all(areFiles)).every(Boolean);
}

export class FileWatch<Value> implements Disposable {
  readonly #source: FileSource<Value>;
  readonly #options: FileWatchOptions<Value>;
  /** The contents of the value that is in use. */
  #used: Contents;
  /** The finding of the last look, where it is another one than what is in use. */
  #seen: Contents | CommandError | undefined;
  /** True once the finding was used or told of. */
  #settled = false;
  #cancel: () => void;
  #disposed = false;
  /** True while a look reads the files. */
  #looking = false;
  /** True where the next look is the only one that a change needs. */
  #atOnce = false;

  constructor({ source, contents }: LoadedFiles<Value>, options: FileWatchOptions<Value>) {
    this.#source = source;
    this.#used = contents;
    this.#options = options;
    this.#cancel = this.#lookLater();
  }

  #lookLater(): () => void {
    const { clock } = this.#options;
    return clock.at(clock.nowMs() + lookAgainMs, () => void this.#look(), "watch");
  }

  /** Looks now, and takes a change at once: the user has said that the files are ready. */
  lookNow(): void {
    this.#atOnce = true;
    if (this.#looking) return;
    this.#cancel();
    void this.#look();
  }

  /** Looks once, and makes the next appointment. It never rejects. */
  async #look(): Promise<void> {
    const atOnce = this.#atOnce;
    this.#atOnce = false;
    this.#looking = true;
    const found = await this.#source.read().catch(asCommandError);
    this.#looking = false;
    if (this.#disposed) return;
    if (atOnce && !isSame(found, this.#used)) {
      this.#seen = found;
      this.#settled = true;
      this.#use(found);
    } else if (isSame(found, this.#used)) this.#seen = undefined;
    else if (!isSame(found, this.#seen)) {
      this.#seen = found;
      this.#settled = false;
    } else if (!this.#settled) {
      this.#settled = true;
      this.#use(found);
    }
    // Another look may have been asked for while this one has read.
    if (this.#atOnce) void this.#look();
    else this.#cancel = this.#lookLater();
  }

  #use(found: Contents | CommandError): void {
    try {
      if (isError(found)) throw found;
      const value = this.#source.parse(found);
      this.#used = found;
      this.#seen = undefined;
      this.#options.onChanged(value);
    } catch (error) {
      this.#options.onUnusable(asCommandError(error));
    }
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#cancel();
  }
}

function isSame(one: Contents | CommandError, other: Contents | CommandError | undefined): boolean {
  if (isError(one) || isError(other)) return isError(one) && isError(other) && one.message === other.message;
  return one.length === other?.length && one.every((content, index) => content.equals(other[index] as Buffer));
}

function asCommandError(error: unknown): CommandError {
  return error instanceof CommandError
    ? error
    : new CommandError(reasonOf(error), ExitCode.unreadable, { cause: error });
}
