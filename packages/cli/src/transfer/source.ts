/** The entries of a transfer: the files and folders that the user names, and everything in them, in a fixed order. */
import { Buffer } from "node:buffer";
import type { Stats } from "node:fs";
import { lstat, readdir, readlink, realpath, stat } from "node:fs/promises";
import { basename } from "node:path";
import { CommandError, reasonOf } from "../command-error.js";
import { ExitCode } from "../exit-codes.js";
import { below, linkProblem, pathProblem, shownPath } from "./paths.js";

/** One entry of what is sent. */
export interface SourceEntry {
  /** The path at the other side. */
  readonly path: Buffer;
  /** The path here; undefined for standard input. */
  readonly local: Buffer | undefined;
  readonly type: "file" | "folder" | "link";
  readonly mode: number;
  readonly mtimeMs: number;
  /** The size of a regular file. */
  readonly size: number | undefined;
  /** The target of a link. */
  readonly target: Buffer | undefined;
}

/** An item that the user has named. */
export interface Item {
  readonly local: string;
  /** The name at the other side. */
  readonly name: string;
}

/** The name of standard input on the command line. */
export const standardInput = "-";

/** Returns the items with the names that they will have. @throws CommandError */
export async function itemsOf(paths: readonly string[], givenName: string | undefined): Promise<Item[]> {
  if (givenName !== undefined && paths.length > 1)
    throw new CommandError(`--as names one file, and there are ${paths.length}`, ExitCode.usage);
  const items = await Promise.all(paths.map(async (local) => ({ local, name: givenName ?? (await nameOf(local)) })));
  for (const { name } of items) {
    const problem = name.includes("/") ? "has a slash" : pathProblem(Buffer.from(name));
    if (problem !== undefined) throw new CommandError(`the name ${JSON.stringify(name)} ${problem}`, ExitCode.usage);
    if (items.filter((each) => each.name === name).length > 1)
      throw new CommandError(`two of the files have the name ${JSON.stringify(name)}`, ExitCode.usage);
  }
  return items;
}

async function nameOf(local: string): Promise<string> {
  if (local === standardInput)
    throw new CommandError("standard input has no name: give one by --as NAME", ExitCode.usage);
  // The name of `.` is that of the folder that it is.
  const name = /(?:^|\/)\.{0,2}\/*$/.test(local) ? basename(await real(local)) : basename(local);
  if (name === "") throw new CommandError("/ has no name: give one by --as NAME", ExitCode.usage);
  return name;
}

async function real(local: string): Promise<string> {
  try {
    return await realpath(local);
  } catch (error) {
    throw unreadable(local, error);
  }
}

/**
 * Yields everything that is sent: a folder before what it holds. `leftOut` is called for what cannot be sent, such as
 * sockets, and links that lead out of the item. @throws CommandError for what cannot be read
 */
export async function* entriesOf(
  items: readonly Item[],
  leftOut: (text: string) => void,
): AsyncGenerator<SourceEntry, void, undefined> {
  for (const { local, name } of items) {
    const path = Buffer.from(name);
    if (local === standardInput) {
      yield {
        path,
        local: undefined,
        type: "file",
        mode: 0o600,
        mtimeMs: Date.now(),
        size: undefined,
        target: undefined,
      };
    } else {
      const at = Buffer.from(local);
      // What the user names is sent, also through a link.
      yield* entry(path, at, await attempt(local, () => stat(at)), leftOut, true);
    }
  }
}

async function* entry(
  path: Buffer,
  local: Buffer,
  stats: Stats,
  leftOut: (text: string) => void,
  named = false,
): AsyncGenerator<SourceEntry, void, undefined> {
  const common = { path, local, mode: stats.mode & 0o777, mtimeMs: stats.mtimeMs, target: undefined };
  if (stats.isFile()) yield { ...common, type: "file", size: stats.size };
  else if (stats.isDirectory()) {
    yield { ...common, type: "folder", size: undefined };
    const names = await attempt(shownPath(local), () => readdir(local, { encoding: "buffer" }));
    for (const name of names.sort(Buffer.compare)) {
      const child = below(local, name);
      yield* entry(below(path, name), child, await attempt(shownPath(child), () => lstat(child)), leftOut);
    }
  } else if (stats.isSymbolicLink()) {
    const target = await attempt(shownPath(local), () => readlink(local, { encoding: "buffer" }));
    const problem = linkProblem(path, target);
    if (problem !== undefined) leftOut(`the link ${shownPath(local)} is left out: its target ${problem}`);
    else yield { ...common, type: "link", size: undefined, target };
  } else if (named && (stats.isFIFO() || stats.isCharacterDevice())) yield { ...common, type: "file", size: undefined };
  else leftOut(`${shownPath(local)} is left out: it is neither a file nor a folder nor a link`);
}

async function attempt<T>(local: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw unreadable(local, error);
  }
}

/** Returns the error for a file that cannot be read. */
export function unreadable(local: string, error: unknown): CommandError {
  return new CommandError(`cannot read ${local || '""'}: ${reasonOf(error)}`, ExitCode.unreadable, { cause: error });
}
