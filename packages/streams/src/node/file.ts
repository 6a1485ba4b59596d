/** Files as streams: reading one, writing one. */
import { randomBytes } from "node:crypto";
import { constants, type Stats } from "node:fs";
import { type FileHandle, open, readlink, realpath, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { type Clock, checkOptionNames, optionNames, wholeNumber } from "@trunkline/base";
import { systemClock } from "@trunkline/base/node";
import { type AttributeKey, sharedAttribute, totalBytes } from "../contract/attributes.js";
import { streamClock } from "../contract/clock.js";
import type { ReceiveStream, SendStream } from "../contract/stream.js";
import { receiveStream } from "../endpoints/receive-stream.js";
import { sendStream } from "../endpoints/send-stream.js";
import { bytesRefusal } from "../kit/item.js";

/** The absolute path of the file that is read or written. */
export const filePath: AttributeKey<string> = sharedAttribute("@trunkline/streams", "filePath");

/** Options of `streamFromFile`. */
export interface FileReadOptions {
  /** The offset of the first byte that is read. Default 0. */
  readonly start?: number;
  /** The offset of the first byte that is no longer read. Default: the end of the file. */
  readonly end?: number;
  /** The number of bytes that are read at once. Default 64 KiB, which sockets and zlib take in one piece. */
  readonly chunkBytes?: number;
}

const fileReadOptionNames = optionNames<FileReadOptions>({ start: true, end: true, chunkBytes: true });

/**
 * Opens a file for reading. The attribute `totalBytes` is the number of bytes to read, for a regular file; bytes that
 * are appended meanwhile are read, too. `close` and `abort` close the file at once, without reading the rest.
 * @throws the system's error when the file cannot be opened, with its `code`, such as `ENOENT`; RangeError for numbers
 * out of range
 */
export async function streamFromFile(path: string, options: FileReadOptions = {}): Promise<ReceiveStream<Uint8Array>> {
  checkOptionNames("streamFromFile", options, fileReadOptionNames);
  const { end = Number.POSITIVE_INFINITY } = options;
  const start = wholeNumber("start", options.start ?? 0, 0);
  const chunkBytes = wholeNumber("chunkBytes", options.chunkBytes ?? 64 * 1024, 1);
  if (!(end >= start)) throw new RangeError(`end must not be below start (${start}), but is ${end}`);
  const handle = await open(path, "r");
  const attributes = new Map<AttributeKey<unknown>, unknown>([
    [filePath, resolve(path)],
    [streamClock, systemClock],
  ]);
  let seekable = false;
  try {
    const stats = await handle.stat();
    if (stats.isDirectory()) throw Object.assign(new Error(`${path} is a directory`), { code: "EISDIR" });
    seekable = stats.isFile();
    if (seekable) attributes.set(totalBytes, Math.max(0, Math.min(stats.size, end) - start));
  } catch (error) {
    await handle.close();
    throw error;
  }
  let position = start;
  const close = closingOnce(handle);
  return receiveStream<Uint8Array>({
    async pull() {
      const wanted = Math.min(chunkBytes, end - position);
      const chunk = new Uint8Array(wanted); // each chunk has memory of its own, since it belongs to its receiver
      const bytesRead = wanted === 0 ? 0 : await read(handle, chunk, seekable ? position : null, close);
      position += bytesRead;
      if (bytesRead > 0) return bytesRead === wanted ? chunk : chunk.subarray(0, bytesRead);
      await close();
      return undefined;
    },
    cancel: () => void close().catch(() => {}),
    closeCancels: true,
    attributes,
  });
}

/**
 * Reads into a chunk and returns the number of bytes. Closes the file when that fails, since nothing is read after it.
 */
async function read(
  handle: FileHandle,
  into: Uint8Array,
  position: number | null,
  close: () => Promise<void>,
): Promise<number> {
  try {
    return (await handle.read(into, 0, into.length, position)).bytesRead;
  } catch (error) {
    await close().catch(() => {});
    throw error;
  }
}

/** Options of `streamToFile`. */
export interface FileWriteOptions {
  /**
   * The treatment of a file that exists. `"replace"` (default): it stays until the new one is complete. `"refuse"`:
   * fail with `EEXIST`. `"append"`: write behind its end.
   */
  readonly existing?: "replace" | "refuse" | "append";
  /**
   * The treatment of an incomplete file after an abort. False (default): it is removed, or is again as it was before.
   * True: the bytes that were written stay, and the file is written under its own name from the start.
   */
  readonly keepPartial?: boolean;
  /**
   * Whether `sendEof` waits until the bytes are on the disk (fsync). Default false: it waits until the system has them.
   */
  readonly flush?: boolean;
  /** The permissions of a new file. Default 0o666, less the umask. A file that is replaced keeps its permissions. */
  readonly mode?: number;
  /** The clock for the time limit of `close()`. Default: real time. */
  readonly clock?: Clock;
}

const fileWriteOptionNames = optionNames<FileWriteOptions>({
  existing: true,
  keepPartial: true,
  flush: true,
  mode: true,
  clock: true,
});

/**
 * Opens a file for writing. It is complete when `sendEof` has resolved; `sendEof` rejects with an error of writing,
 * flushing or closing. With `"replace"`, the bytes are collected beside the file, in `<name>.<random>.part`, which then
 * takes its place at once, with the permissions of the file that it replaces: no other process ever sees half a file.
 * An abort, or disposal without `sendEof`, removes the bytes that were written (see `keepPartial`).
 *
 * Symbolic links are followed: the file at their end is written. A path that exists and is no regular file, such as a
 * device or a FIFO, is written in place, whatever the options; its bytes cannot be taken back. Opening a FIFO waits for
 * its reader.
 * @throws the system's error when the file cannot be opened, with its `code`, such as `EACCES`
 */
export async function streamToFile(path: string, options: FileWriteOptions = {}): Promise<SendStream<Uint8Array>> {
  checkOptionNames("streamToFile", options, fileWriteOptionNames);
  const { flush = false, clock = systemClock } = options;
  const output = await openOutput(path, options);
  let busy: Promise<unknown> = Promise.resolve();
  const work = <T>(step: Promise<T>): Promise<T> => {
    busy = step;
    return step;
  };
  return sendStream<Uint8Array>({
    name: "a file",
    check: (chunk) => bytesRefusal("a file", chunk),
    write: (chunk) => work(writeAll(output.handle, chunk)),
    end: () => work(output.complete(flush)),
    async abort() {
      await busy.catch(() => {}); // a write that is under way would come after its undoing
      await output.undo();
    },
    attributes: new Map<AttributeKey<unknown>, unknown>([
      [filePath, resolve(path)],
      [streamClock, clock],
    ]),
  });
}

/** A file that is open for writing, with the steps that complete it or undo it. */
interface Output {
  readonly handle: FileHandle;
  complete(flush: boolean): Promise<void>;
  undo(): Promise<void>;
}

/** The flags of the system with which a file is opened, by the option `existing`. */
const openFlags = { replace: "w", refuse: "wx", append: "a" } as const;

async function openOutput(path: string, options: FileWriteOptions): Promise<Output> {
  const { existing = "replace", keepPartial = false, mode = 0o666 } = options;
  if (!Object.hasOwn(openFlags, existing))
    throw new TypeError(`existing must be "replace", "refuse" or "append", not ${JSON.stringify(existing)}`);
  const before = existing === "refuse" ? undefined : await statsOf(path);
  if (before !== undefined && !before.isFile()) return inPlace(await open(path, constants.O_WRONLY));
  const target = before === undefined ? await endOfLinks(resolve(path), existing) : await realpath(path);
  if (existing === "replace" && !keepPartial) return openBeside(target, before, mode);
  const handle = await open(target, openFlags[existing], mode);
  const close = closingOnce(handle);
  return {
    handle,
    async complete(flush) {
      if (flush) await handle.sync();
      await close();
    },
    async undo() {
      if (!keepPartial && existing === "append") await handle.truncate(before?.size ?? 0).catch(() => {});
      await close().catch(() => {});
      if (!keepPartial && (existing === "refuse" || before === undefined))
        await rm(target, { force: true }).catch(() => {});
    },
  };
}

/** A device or FIFO, which has nothing to complete or undo but its descriptor. */
function inPlace(handle: FileHandle): Output {
  const close = closingOnce(handle);
  return {
    handle,
    async complete(flush) {
      // Pipes and many devices know no fsync.
      if (flush) await handle.sync().catch(() => {});
      await close();
    },
    undo: () => close().catch(() => {}),
  };
}

/** A new file beside the target, which takes the target's place when it is complete. */
async function openBeside(target: string, before: Stats | undefined, mode: number): Promise<Output> {
  const written = join(dirname(target), partName(basename(target)));
  const handle = await open(written, "wx", before === undefined ? mode : 0o600);
  const close = closingOnce(handle);
  const remove = (): Promise<void> => rm(written, { force: true }).catch(() => {});
  try {
    if (before !== undefined) {
      await handle.chown(before.uid, before.gid).catch(() => {}); // only the superuser may give a file away
      await handle.chmod(before.mode & 0o7777);
    }
  } catch (error) {
    await close().catch(() => {});
    await remove();
    throw error;
  }
  return {
    handle,
    async complete(flush) {
      if (flush) await handle.sync();
      await close();
      await rename(written, target);
    },
    async undo() {
      await close().catch(() => {});
      await remove();
    },
  };
}

/** The longest name of a file in bytes, on all usual file systems. */
const maxNameBytes = 255;

/** Returns `<name>.<random>.part`, with the name cut between two characters where the whole would be too long. */
function partName(name: string): string {
  const suffix = `.${randomBytes(6).toString("hex")}.part`;
  let length = Math.min(Buffer.byteLength(name), maxNameBytes - suffix.length);
  const bytes = Buffer.from(name);
  while (((bytes[length] ?? 0) & 0xc0) === 0x80) length--;
  return bytes.toString("utf8", 0, length) + suffix;
}

/** The largest number of symbolic links that Linux follows. */
const maxLinks = 40;

/**
 * Returns the path that is to be created: the one at the end of dangling symbolic links. `"refuse"` refuses links, too.
 */
async function endOfLinks(path: string, existing: FileWriteOptions["existing"]): Promise<string> {
  let target = path;
  if (existing === "refuse") return target;
  for (let links = 0; links < maxLinks; links++) {
    const next = await readlink(target).catch(() => undefined);
    if (next === undefined) return target;
    target = resolve(dirname(target), next);
  }
  throw Object.assign(new Error(`${path} leads through more than ${maxLinks} symbolic links`), { code: "ELOOP" });
}

/** Returns the facts about a file, `undefined` if it does not exist. */
async function statsOf(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

async function writeAll(handle: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let done = 0; done < chunk.length; ) done += (await handle.write(chunk, done)).bytesWritten;
}

function closingOnce(handle: FileHandle): () => Promise<void> {
  let closing: Promise<void> | undefined;
  return () => {
    closing ??= handle.close();
    return closing;
  };
}
