/** The sending side of a transfer. */
import { Buffer } from "node:buffer";
import { createHash, type Hash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import process from "node:process";
import type { ObjectStream } from "@trunkline/streams";
import { CommandError } from "../command-error.js";
import { ExitCode } from "../exit-codes.js";
import { incomplete } from "./incomplete.js";
import { shownPath } from "./paths.js";
import { type SourceEntry, unreadable } from "./source.js";
import { type Control, encodePath, headroom, maxContentBytes, reasonOfOther, TransferWire } from "./wire.js";

/** The totals of a transfer. */
export interface Totals {
  /** The number of files, folders and links. */
  readonly entries: number;
  /** The bytes of all files. */
  readonly bytes: number;
  /** The bytes that were there from an earlier try. */
  readonly resumedBytes: number;
}

/** The most parts of an earlier try that are listened to. */
const maxParts = 1_000_000;

/** A part of a file that the receiver has. */
type Part = Extract<Control, { kind: "have" }>;

/**
 * Sends all entries, and resolves when the receiver has stored them. `onBytes` is called with the bytes of files that
 * are done, of those that were there before as well. @throws CommandError
 */
export async function sendEntries(
  stream: ObjectStream<Uint8Array>,
  entries: AsyncIterable<SourceEntry>,
  onBytes: (bytes: number) => void,
): Promise<Totals> {
  const sender = new Sender(stream, onBytes);
  return sender.run(entries);
}

class Sender {
  readonly #wire: TransferWire;
  readonly #onBytes: (bytes: number) => void;
  readonly #buffer = Buffer.allocUnsafe(headroom + maxContentBytes);
  #parts: ReadonlyMap<string, Part> = new Map();
  #entries = 0;
  #bytes = 0;
  #resumedBytes = 0;
  /** True once everything was sent: the receiver cannot have stored it before. */
  #done = false;
  /** The end that the receiver has told meanwhile. */
  #failure: CommandError | undefined;

  constructor(stream: ObjectStream<Uint8Array>, onBytes: (bytes: number) => void) {
    this.#wire = new TransferWire(stream);
    this.#onBytes = onBytes;
  }

  async run(entries: AsyncIterable<SourceEntry>): Promise<Totals> {
    this.#parts = await this.#receiveParts();
    const answer = this.#receiveAnswer();
    answer.catch((error: CommandError) => {
      this.#failure = error;
    });
    try {
      for await (const entry of entries) await this.#send(entry);
      this.#done = true;
      await this.#wire.send({ kind: "done", entries: this.#entries, bytes: this.#bytes });
    } catch (error) {
      if (error instanceof CommandError && this.#failure === undefined) await this.#tell(error);
      // A receiver that has failed says why, and its stream breaks at the same time.
      throw error instanceof CommandError
        ? error
        : await answer.then(
            () => error,
            (reason: unknown) => reason,
          );
    }
    await answer;
    await this.#wire.sendEof();
    return { entries: this.#entries, bytes: this.#bytes, resumedBytes: this.#resumedBytes };
  }

  async #receiveParts(): Promise<Map<string, Part>> {
    const parts = new Map<string, Part>();
    for (;;) {
      const message = await this.#wire.receive();
      if (message === undefined) throw incomplete("the receiver ended before it was ready");
      if (message instanceof Uint8Array || (message.kind !== "have" && message.kind !== "ready"))
        throw refusal(message, "before it was ready");
      if (message.kind === "ready") return parts;
      if (parts.size === maxParts) throw incomplete(`the receiver has more than ${maxParts} files of an earlier try`);
      parts.set(message.path, message);
    }
  }

  async #receiveAnswer(): Promise<void> {
    const message = await this.#wire.receive();
    if (message === undefined) throw incomplete("the receiver ended before it had stored everything");
    if (message instanceof Uint8Array || message.kind !== "stored" || !this.#done)
      throw refusal(message, "while it received");
    if (message.entries !== this.#entries || message.bytes !== this.#bytes) {
      const text = `the receiver has stored ${message.entries} entries with ${message.bytes} bytes`;
      throw new CommandError(`${text}, not ${this.#entries} with ${this.#bytes}`, ExitCode.mismatch);
    }
  }

  async #tell({ message }: CommandError): Promise<void> {
    await this.#wire.fail(message).catch(() => {});
  }

  async #send(entry: SourceEntry): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    this.#entries += 1;
    const { type, mode, mtimeMs, target } = entry;
    const path = encodePath(entry.path);
    if (type === "file") await this.#sendFile(entry);
    else
      await this.#wire.send({
        kind: "entry",
        path,
        type,
        mode,
        mtimeMs,
        ...(target !== undefined && { target: encodePath(target) }),
      });
  }

  async #sendFile(entry: SourceEntry): Promise<void> {
    const { local, path, size, mode, mtimeMs } = entry;
    const common = { kind: "entry", path: encodePath(path), type: "file", mode, mtimeMs } as const;
    if (local === undefined || size === undefined) {
      await this.#wire.send(common);
      await this.#sendUnsized(entry, createHash("sha256"));
      return;
    }
    const file = await opened(local);
    try {
      const { from, hash } = await this.#agreed(entry, size, file);
      this.#resumedBytes += from;
      this.#count(from);
      await this.#wire.send({ ...common, size, from });
      await this.#sendRest(entry, size, from, file, hash);
      await this.#wire.send({ kind: "end", sha256: hash.digest("hex") });
    } finally {
      await file.close().catch(() => {});
    }
  }

  /** Sends the file from a byte on. @throws CommandError where it has changed meanwhile */
  async #sendRest(entry: SourceEntry, size: number, from: number, file: FileHandle, hash: Hash): Promise<void> {
    let at = from;
    while (at < size) {
      const bytes = await this.#read(file, Math.min(maxContentBytes, size - at), at, entry);
      if (bytes === 0) throw changed(entry);
      at += bytes;
      await this.#sendContent(bytes, hash);
    }
    const now = await file.stat();
    if (now.size !== size || now.mtimeMs !== entry.mtimeMs) throw changed(entry);
  }

  /** Sends a pipe or a device to its end. */
  async #sendUnsized({ local, path }: SourceEntry, hash: Hash): Promise<void> {
    const input = local === undefined ? process.stdin : (await opened(local)).createReadStream();
    try {
      for await (const chunk of input as AsyncIterable<Buffer>) {
        for (let start = 0; start < chunk.length; start += maxContentBytes) {
          const bytes = chunk.copy(this.#buffer, headroom, start, start + maxContentBytes);
          await this.#sendContent(bytes, hash);
        }
      }
    } catch (error) {
      throw error instanceof CommandError || this.#failure !== undefined ? error : unreadable(shownPath(path), error);
    }
    await this.#wire.send({ kind: "end", sha256: hash.digest("hex") });
  }

  async #sendContent(bytes: number, hash: Hash): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    const message = this.#buffer.subarray(0, headroom + bytes);
    hash.update(message.subarray(headroom));
    await this.#wire.sendContent(message);
    this.#count(bytes);
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    this.#onBytes(this.#bytes);
  }

  /**
   * Returns how much of the file the receiver has, with the checksum of so much: nothing, where the receiver's differs.
   */
  async #agreed(entry: SourceEntry, size: number, file: FileHandle): Promise<{ from: number; hash: Hash }> {
    const part = this.#parts.get(encodePath(entry.path));
    const hash = createHash("sha256");
    if (part === undefined || part.bytes > size) return { from: 0, hash };
    for (let at = 0; at < part.bytes; ) {
      const bytes = await this.#read(file, Math.min(maxContentBytes, part.bytes - at), at, entry);
      if (bytes === 0) throw changed(entry);
      hash.update(this.#buffer.subarray(headroom, headroom + bytes));
      at += bytes;
    }
    const isSame = hash.copy().digest("hex") === part.sha256;
    return isSame ? { from: part.bytes, hash } : { from: 0, hash: createHash("sha256") };
  }

  async #read(file: FileHandle, bytes: number, at: number, { path }: SourceEntry): Promise<number> {
    try {
      return (await file.read(this.#buffer, headroom, bytes, at)).bytesRead;
    } catch (error) {
      throw unreadable(shownPath(path), error);
    }
  }
}

async function opened(local: Buffer): Promise<FileHandle> {
  try {
    return await open(local, "r");
  } catch (error) {
    throw unreadable(shownPath(local), error);
  }
}

function changed({ path }: SourceEntry): CommandError {
  return new CommandError(`${shownPath(path)} changed while it was sent; send it again`, ExitCode.broken);
}

function refusal(message: Control | Uint8Array, when: string): CommandError {
  if (!(message instanceof Uint8Array) && message.kind === "failed")
    return incomplete(`the receiver has given up: ${reasonOfOther(message)}`);
  return incomplete(`the receiver sent something else than its answer ${when}`);
}
