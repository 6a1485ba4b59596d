/**
 * A folder as the destination. What comes is put together in a hidden folder beside its final place, which stays after
 * a failure for the next try, and is moved to its final names when all of it is whole.
 */
import { Buffer } from "node:buffer";
import { createHash, type Hash } from "node:crypto";
import { constants } from "node:fs";
import {
  chmod,
  type FileHandle,
  lstat,
  mkdir,
  open,
  readdir,
  rename,
  rm,
  symlink,
  unlink,
  utimes,
} from "node:fs/promises";
import { CommandError, reasonOf, systemCode } from "../command-error.js";
import { ExitCode } from "../exit-codes.js";
import type { Destination, FileSink, FileStart, StoredPart } from "./destination.js";
import { below, segmentsOf, shownPath } from "./paths.js";

interface Folder {
  readonly path: Buffer;
  readonly mode: number;
  readonly mtimeMs: number;
}

interface Link {
  readonly path: Buffer;
  readonly target: Buffer;
}

/** Returns the name of the hidden folder for transfers under a name. */
export function stagingName(name: string): string {
  return `.trunkline-${createHash("sha256").update(name).digest("hex").slice(0, 16)}.partial`;
}

export class FolderDestination implements Destination {
  readonly #folder: Buffer;
  readonly #staging: Buffer;
  readonly #overwrite: boolean;
  readonly #items: Buffer[] = [];
  readonly #folders: Folder[] = [];
  readonly #links: Link[] = [];
  /** The files of this transfer, by device and number: a system may take two names for one. */
  readonly #written: Set<string> = new Set();

  private constructor(folder: Buffer, staging: Buffer, overwrite: boolean) {
    this.#folder = folder;
    this.#staging = staging;
    this.#overwrite = overwrite;
  }

  /**
   * Begins in the folder, which must be there. `name` is that of the transfer: another try under it goes on.
   * @throws CommandError
   */
  static async open(folder: string, name: string, overwrite: boolean): Promise<FolderDestination> {
    const at = Buffer.from(folder);
    const staging = below(at, Buffer.from(stagingName(name)));
    await attempt(`use the folder ${folder}`, async () => {
      await mkdir(staging, { mode: 0o700 }).catch((error: unknown) => {
        if (systemCode(error) !== "EEXIST") throw error;
      });
      if (!(await lstat(staging)).isDirectory()) throw new Error(`${shownPath(staging)} is no folder`);
    });
    return new FolderDestination(at, staging, overwrite);
  }

  async *parts(): AsyncGenerator<StoredPart, void, undefined> {
    yield* this.#partsIn(this.#staging, undefined);
  }

  async *#partsIn(folder: Buffer, path: Buffer | undefined): AsyncGenerator<StoredPart, void, undefined> {
    for (const entry of await readdir(folder, { withFileTypes: true, encoding: "buffer" })) {
      const name = entry.name as unknown as Buffer;
      const local = below(folder, name);
      const inner = path === undefined ? name : below(path, name);
      if (entry.isDirectory()) yield* this.#partsIn(local, inner);
      else if (entry.isFile()) {
        const { bytes, hash } = await hashOf(local, Number.POSITIVE_INFINITY);
        if (bytes > 0) yield { path: inner, bytes, sha256: hash.digest("hex") };
      }
    }
  }

  async addFolder(path: Buffer, mode: number, mtimeMs: number): Promise<void> {
    await this.#begin(path);
    const local = this.#at(path);
    await attempt(`make the folder ${shownPath(path)}`, async () => {
      // A link that another try has left would lead elsewhere.
      if (!(await isFolder(local))) {
        await rm(local, { force: true });
        await mkdir(local, { mode: 0o700 });
      }
      await chmod(local, 0o700);
    });
    this.#folders.push({ path, mode, mtimeMs });
  }

  async addLink(path: Buffer, target: Buffer): Promise<void> {
    await this.#begin(path);
    // Made at the end: nothing is ever written through one.
    this.#links.push({ path, target });
  }

  async beginFile(start: FileStart): Promise<FileSink> {
    await this.#begin(start.path);
    const local = this.#at(start.path);
    return attempt(`write ${shownPath(start.path)}`, async () => {
      if (start.from === 0 && !(await isFile(local))) await rm(local, { recursive: true, force: true });
      const { hash, bytes } = start.from === 0 ? { hash: sha256(), bytes: 0 } : await hashOf(local, start.from);
      if (bytes !== start.from) throw new Error(`the sender goes on at byte ${start.from}, and ${bytes} are there`);
      const file = await open(local, constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
      try {
        const { dev, ino } = await file.stat({ bigint: true });
        const identity = `${dev}:${ino}`;
        if (this.#written.has(identity)) throw new Error("another entry has the same name on this system");
        this.#written.add(identity);
        await file.truncate(start.from);
      } catch (error) {
        await file.close().catch(() => {});
        throw error;
      }
      return new StagedFile(file, hash, start);
    });
  }

  async publish(): Promise<void> {
    for (const { path, target } of this.#links) {
      await attempt(`make the link ${shownPath(path)}`, async () => {
        await unlink(this.#at(path)).catch(() => {});
        await symlink(target, this.#at(path));
      });
    }
    // The innermost first: what is put into a folder changes its time, and may need its rights.
    for (const { path, mode, mtimeMs } of this.#folders.reverse()) {
      await attempt(`set the rights and time of ${shownPath(path)}`, async () => {
        await utimes(this.#at(path), mtimeMs / 1_000, mtimeMs / 1_000);
        await chmod(this.#at(path), mode);
      });
    }
    for (const item of this.#items) {
      await this.#checkFree(item);
      await attempt(`move ${shownPath(item)} to its place`, () => rename(this.#at(item), below(this.#folder, item)));
    }
    await attempt("remove the hidden folder of the transfer", () =>
      rm(this.#staging as unknown as string, { recursive: true }),
    );
  }

  /** Notes a new entry; of an item itself, that its final name is free. */
  async #begin(path: Buffer): Promise<void> {
    if (segmentsOf(path).length > 1) return;
    await this.#checkFree(path);
    this.#items.push(path);
  }

  async #checkFree(item: Buffer): Promise<void> {
    const there = await lstat(below(this.#folder, item)).catch(() => undefined);
    if (there === undefined || (this.#overwrite && there.isFile())) return;
    const hint = there.isFile() ? "; --overwrite replaces it" : "";
    throw new CommandError(`${shownPath(item)} exists already in the target folder${hint}`, ExitCode.cannotCreate);
  }

  #at(path: Buffer): Buffer {
    return below(this.#staging, path);
  }
}

class StagedFile implements FileSink {
  readonly #file: FileHandle;
  readonly #hash: Hash;
  readonly #start: FileStart;
  #at: number;

  constructor(file: FileHandle, hash: Hash, start: FileStart) {
    this.#file = file;
    this.#hash = hash;
    this.#start = start;
    this.#at = start.from;
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#hash.update(bytes);
    await attempt(`write ${shownPath(this.#start.path)}`, async () => {
      for (let start = 0; start < bytes.length; ) {
        const { bytesWritten } = await this.#file.write(bytes, start, bytes.length - start, this.#at);
        start += bytesWritten;
        this.#at += bytesWritten;
      }
    });
  }

  async finish(): Promise<string> {
    const { mode, mtimeMs, path } = this.#start;
    await attempt(`write ${shownPath(path)}`, async () => {
      await this.#file.chmod(mode);
      await this.#file.utimes(mtimeMs / 1_000, mtimeMs / 1_000);
      await this.#file.close();
    });
    return this.#hash.digest("hex");
  }

  async abandon(): Promise<void> {
    await this.#file.close().catch(() => {});
  }
}

function sha256(): Hash {
  return createHash("sha256");
}

/** Reads up to `limit` bytes of a file. */
async function hashOf(local: Buffer, limit: number): Promise<{ bytes: number; hash: Hash }> {
  const hash = sha256();
  let bytes = 0;
  const file = await open(local, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const stream = file.createReadStream({
      autoClose: false,
      ...(limit !== Number.POSITIVE_INFINITY && { end: limit - 1 }),
    });
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      hash.update(chunk);
      bytes += chunk.length;
    }
  } finally {
    await file.close();
  }
  return { bytes, hash };
}

async function isFolder(local: Buffer): Promise<boolean> {
  return (await lstat(local).catch(() => undefined))?.isDirectory() === true;
}

async function isFile(local: Buffer): Promise<boolean> {
  return (await lstat(local).catch(() => undefined))?.isFile() === true;
}

async function attempt<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw new CommandError(`cannot ${what}: ${reasonOf(error)}`, ExitCode.cannotCreate, { cause: error });
  }
}
