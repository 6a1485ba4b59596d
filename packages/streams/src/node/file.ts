/** Files as streams: reading one, writing one. */
import { randomBytes } from "node:crypto";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import type { Clock } from "@trunkline/base";
import { systemClock } from "@trunkline/base/node";
import { type AttributeKey, sharedAttribute, totalBytes } from "../contract/attributes.js";
import { streamClock } from "../contract/clock.js";
import type { ReceiveStream, SendStream } from "../contract/stream.js";
import { receiveStream } from "../endpoints/receive-stream.js";
import { sendStream } from "../endpoints/send-stream.js";

/** The absolute path of the file that is read or written. */
export const filePath: AttributeKey<string> = sharedAttribute("@trunkline/streams", "filePath");

export interface FileReadOptions {
  /** Where to begin, in bytes. Default 0. */
  readonly start?: number;
  /** Where to stop: the first byte that is no longer read. Default: the end of the file. */
  readonly end?: number;
  /** How much is read at once. Default 64 KiB, what sockets and zlib take in one piece. */
  readonly chunkBytes?: number;
}

/**
 * Opens a file for reading. Attribute `totalBytes` is how much there is to read, for a regular file; what is appended meanwhile is read
 * too. `close` and `abort` close the file at once, without reading the rest.
 * @throws the system's error when it cannot be opened, with its `code`, such as `ENOENT`; RangeError for numbers that cannot be
 */
export async function streamFromFile(path: string, options: FileReadOptions = {}): Promise<ReceiveStream<Uint8Array>> {
  const { start = 0, end = Number.POSITIVE_INFINITY, chunkBytes = 64 * 1024 } = options;
  if (!Number.isSafeInteger(start) || start < 0)
    throw new RangeError(`start must be a whole number from 0, but is ${start}`);
  if (!(end >= start)) throw new RangeError(`end must not be below start (${start}), but is ${end}`);
  if (!Number.isSafeInteger(chunkBytes) || chunkBytes < 1)
    throw new RangeError(`chunkBytes must be a whole number from 1, but is ${chunkBytes}`);
  const handle = await open(path, "r");
  const attributes = new Map<AttributeKey<unknown>, unknown>([
    [filePath, resolve(path)],
    [streamClock, systemClock],
  ]);
  let seekable = false;
  try {
    const stat = await handle.stat();
    if (stat.isDirectory()) throw Object.assign(new Error(`${path} is a directory`), { code: "EISDIR" });
    seekable = stat.isFile();
    if (seekable) attributes.set(totalBytes, Math.max(0, Math.min(stat.size, end) - start));
  } catch (error) {
    await handle.close();
    throw error;
  }
  let position = start;
  const once = closingOnce(handle);
  return receiveStream<Uint8Array>({
    async pull() {
      const wanted = Math.min(chunkBytes, end - position);
      const chunk = new Uint8Array(wanted); // each its own, since it belongs to whoever receives it
      const { bytesRead } =
        wanted === 0 ? { bytesRead: 0 } : await handle.read(chunk, 0, wanted, seekable ? position : null);
      position += bytesRead;
      if (bytesRead > 0) return bytesRead === wanted ? chunk : chunk.subarray(0, bytesRead);
      await once();
      return undefined;
    },
    cancel: () => void once().catch(() => {}),
    closeCancels: true,
    attributes,
  });
}

export interface FileWriteOptions {
  /**
   * What to do with a file that is there. `"replace"` (default): it stays until the new one is complete. `"refuse"`: fail with
   * `EEXIST`. `"append"`: write behind its end.
   */
  readonly existing?: "replace" | "refuse" | "append";
  /**
   * What an abort leaves behind. False (default): nothing of this stream; the file is removed, or is again what it was before. True:
   * what was written stays, and it is written under its own name from the start.
   */
  readonly keepPartial?: boolean;
  /** True: `sendEof` waits until the disk has it (fsync). Default false: until the system has it. */
  readonly flush?: boolean;
  /** Permissions of a new file. Default 0o666, less the umask. */
  readonly mode?: number;
  /** Limits the wait of `close()`. Default: real time. */
  readonly clock?: Clock;
}

/**
 * Opens a file for writing. It is complete when `sendEof` has resolved, and rejects with what went wrong in writing, flushing or
 * closing. With `"replace"`, bytes are collected beside it, in a file named `<name>.<random>.part`, which then takes its place at once:
 * nobody ever sees half a file. An abort, or disposal without `sendEof`, removes what was written (see `keepPartial`).
 * @throws the system's error when it cannot be opened, with its `code`, such as `EACCES`
 */
export async function streamToFile(path: string, options: FileWriteOptions = {}): Promise<SendStream<Uint8Array>> {
  const { existing = "replace", keepPartial = false, flush = false, mode = 0o666, clock = systemClock } = options;
  const target = resolve(path);
  const beside = existing === "replace" && !keepPartial;
  const written = beside ? join(dirname(target), `${basename(target)}.${randomBytes(6).toString("hex")}.part`) : target;
  const flags = { replace: beside ? "wx" : "w", refuse: "wx", append: "a" }[existing];
  const handle = await open(written, flags, mode);
  const once = closingOnce(handle);
  let before: number;
  try {
    before = (await handle.stat()).size;
  } catch (error) {
    await once();
    throw error;
  }
  let busy: Promise<unknown> = Promise.resolve();
  const undo = async (): Promise<void> => {
    await busy.catch(() => {}); // a write that is under way would come after its undoing
    if (!keepPartial && existing === "append") await handle.truncate(before).catch(() => {});
    await once().catch(() => {});
    if (!keepPartial && existing !== "append") await rm(written, { force: true }).catch(() => {});
  };
  const work = <T>(step: Promise<T>): Promise<T> => {
    busy = step;
    return step;
  };
  return sendStream<Uint8Array>({
    name: "a file",
    check: (chunk) =>
      chunk instanceof Uint8Array ? undefined : new TypeError(`a file takes Uint8Array, not ${typeof chunk}`),
    write: (chunk) => work(writeAll(handle, chunk)),
    end: () =>
      work(
        (async () => {
          if (flush) await handle.sync();
          await once();
          if (beside) await rename(written, target);
        })(),
      ),
    abort: undo,
    attributes: new Map<AttributeKey<unknown>, unknown>([
      [filePath, target],
      [streamClock, clock],
    ]),
  });
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
