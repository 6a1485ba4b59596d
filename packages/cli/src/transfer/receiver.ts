/** The receiving side of a transfer. */
import type { Buffer } from "node:buffer";
import type { ObjectStream } from "@trunkline/streams";
import { CommandError } from "../command-error.js";
import { ExitCode } from "../exit-codes.js";
import type { Destination, FileSink } from "./destination.js";
import { incomplete } from "./incomplete.js";
import { linkProblem, pathProblem, segmentsOf, shownPath } from "./paths.js";
import type { Totals } from "./sender.js";
import { type Control, decodePath, type EntryMessage, encodePath, reasonOfOther, TransferWire } from "./wire.js";

/** The most entries of one transfer: a bound on what the receiver remembers of them. */
const maxEntries = 1_000_000;
/** Bits beyond these give rights to others than the user, and are not taken from another machine. */
const takenModeBits = 0o777;

/**
 * Receives one transfer into the destination, and resolves when everything is under its final name.
 * @throws CommandError when it is not whole; the destination then has nothing under its final names
 */
export async function receiveEntries(stream: ObjectStream<Uint8Array>, destination: Destination): Promise<Totals> {
  return new Receiver(stream, destination).run();
}

/** A file that is being received. */
interface Incoming {
  readonly path: Buffer;
  readonly size: number | undefined;
  readonly sink: FileSink;
  bytes: number;
}

class Receiver {
  readonly #wire: TransferWire;
  readonly #destination: Destination;
  /** The paths of the folders of this transfer: nothing is put anywhere else. */
  readonly #folders: Set<string> = new Set();
  #file: Incoming | undefined;
  #entries = 0;
  #bytes = 0;
  #resumedBytes = 0;

  constructor(stream: ObjectStream<Uint8Array>, destination: Destination) {
    this.#wire = new TransferWire(stream);
    this.#destination = destination;
  }

  async run(): Promise<Totals> {
    try {
      for await (const { path, bytes, sha256 } of this.#destination.parts())
        await this.#wire.send({ kind: "have", path: encodePath(path), bytes, sha256 });
      await this.#wire.send({ kind: "ready" });
      while (!(await this.#takeNext()));
      await this.#destination.publish();
      await this.#wire.send({ kind: "stored", entries: this.#entries, bytes: this.#bytes });
      await this.#wire.sendEof();
      return { entries: this.#entries, bytes: this.#bytes, resumedBytes: this.#resumedBytes };
    } catch (error) {
      await this.#file?.sink.abandon();
      if (!(error instanceof CommandError)) throw incomplete(error);
      await this.#wire.fail(error.message).catch(() => {});
      throw error;
    }
  }

  /** Takes the next message. Returns true after the last one. */
  async #takeNext(): Promise<boolean> {
    const message = await this.#wire.receive();
    if (message === undefined) throw incomplete("the sender ended before it was done");
    if (message instanceof Uint8Array) await this.#takeContent(message);
    else if (message.kind === "entry" && this.#file === undefined) await this.#takeEntry(message);
    else if (message.kind === "end" && this.#file !== undefined) await this.#takeEnd(this.#file, message.sha256);
    else if (message.kind === "failed") throw incomplete(`the sender has given up: ${reasonOfOther(message)}`);
    else if (message.kind === "done" && this.#file === undefined) {
      this.#checkTotals(message);
      return true;
    } else throw incomplete(`the sender sent ${JSON.stringify(message.kind)} where it has no place`);
    return false;
  }

  async #takeEntry(entry: EntryMessage): Promise<void> {
    if (this.#entries === maxEntries) throw incomplete(`the sender sends more than ${maxEntries} entries`);
    this.#entries += 1;
    const path = decodePath(entry.path);
    this.#checkPlace(path);
    const mode = entry.mode & takenModeBits;
    const { mtimeMs, size, from = 0 } = entry;
    if (entry.type === "folder") {
      await this.#destination.addFolder(path, mode, mtimeMs);
      this.#folders.add(path.toString("latin1"));
    } else if (entry.type === "link") {
      const target = decodePath(entry.target ?? "");
      const problem = linkProblem(path, target);
      if (problem !== undefined) throw refused(path, `is a link whose target ${problem}`);
      await this.#destination.addLink(path, target);
    } else {
      const sink = await this.#destination.beginFile({ path, mode, mtimeMs, from });
      this.#file = { path, size, sink, bytes: from };
      this.#resumedBytes += from;
      this.#bytes += from;
    }
  }

  #checkPlace(path: Buffer): void {
    const problem = pathProblem(path);
    if (problem !== undefined) throw refused(path, problem);
    const folder = path.subarray(0, Math.max(0, path.length - (segmentsOf(path).at(-1)?.length ?? 0) - 1));
    if (folder.length > 0 && !this.#folders.has(folder.toString("latin1")))
      throw refused(path, "is in a folder that was not sent");
  }

  async #takeContent(bytes: Uint8Array): Promise<void> {
    const file = this.#file;
    if (file === undefined) throw incomplete("the sender sent content that belongs to no file");
    file.bytes += bytes.length;
    if (file.size !== undefined && file.bytes > file.size)
      throw refused(file.path, `is longer than the ${file.size} bytes that were said`);
    await file.sink.write(bytes);
    this.#bytes += bytes.length;
  }

  async #takeEnd({ path, size, bytes, sink }: Incoming, sha256: string): Promise<void> {
    if (size !== undefined && bytes !== size) throw refused(path, `has ${bytes} bytes where ${size} were said`);
    const own = await sink.finish();
    this.#file = undefined;
    if (own === sha256) return;
    const message = `${shownPath(path)} is not what was sent: its checksum is ${own}, not ${sha256.slice(0, 64)}`;
    throw new CommandError(message, ExitCode.mismatch);
  }

  #checkTotals({ entries, bytes }: Extract<Control, { kind: "done" }>): void {
    if (entries === this.#entries && bytes === this.#bytes) return;
    throw incomplete(`${this.#entries} entries with ${this.#bytes} bytes came, of ${entries} with ${bytes}`);
  }
}

function refused(path: Buffer, problem: string): CommandError {
  return new CommandError(`the sender's path ${shownPath(path)} ${problem}`, ExitCode.broken);
}
