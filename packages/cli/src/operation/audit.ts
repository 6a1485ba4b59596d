/**
 * The audit of a router: one line of JSON for each stream that has ended, in a file that rotates. It says who reached
 * whom under which name, for how long, how much went each way, and who ended it. An operator's actions have lines of
 * their own.
 */
import { Buffer } from "node:buffer";
import { type FileHandle, open, rename } from "node:fs/promises";
import type { ClosedPeer, RouterEvent } from "@trunkline/router";
import { CommandError, reasonOf } from "../command-error.js";
import { ExitCode } from "../exit-codes.js";

/** The size at which the file is moved away, and the number of older files that are kept: `FILE.1` is the newest. */
export const maxAuditFileBytes = 67_108_864;
export const keptAuditFiles = 4;
/** The lines that may wait for a slow disk, in bytes: more are dropped, counted and reported. */
const maxPendingBytes = 4_194_304;
/** The streams that were offered and have not ended: the oldest are forgotten first. */
const maxOfferedStreams = 100_000;

interface Offer {
  readonly name: string;
  readonly listener: string;
  readonly dialler: string;
}

export interface AuditOptions {
  /** Called with why lines are lost, for the log. */
  onTrouble(error: Error): void;
  /** The size at which the file is moved away. Default 64 MiB. */
  readonly maxBytes?: number;
}

export class Audit implements AsyncDisposable {
  readonly #path: string;
  readonly #options: AuditOptions;
  readonly #maxBytes: number;
  readonly #offers: Map<string, Offer> = new Map();
  #file: FileHandle;
  #bytes: number;
  #pending: string[] = [];
  #pendingBytes = 0;
  #writing: Promise<void> | undefined;

  private constructor(path: string, file: FileHandle, bytes: number, options: AuditOptions) {
    this.#path = path;
    this.#file = file;
    this.#bytes = bytes;
    this.#options = options;
    this.#maxBytes = options.maxBytes ?? maxAuditFileBytes;
  }

  /** Opens the file, to which lines are added. @throws CommandError */
  static async open(path: string, options: AuditOptions): Promise<Audit> {
    try {
      const file = await opened(path);
      return new Audit(path, file, (await file.stat()).size, options);
    } catch (error) {
      throw new CommandError(`cannot write the audit file ${path}: ${reasonOf(error)}`, ExitCode.cannotCreate, {
        cause: error,
      });
    }
  }

  /** Takes note of an event of the router. */
  onEvent(event: RouterEvent): void {
    if (event.kind === "dialled") {
      const { name, listener, identity } = event;
      this.#offers.set(event.stream, { name, listener, dialler: identity });
      const [oldest] = this.#offers.keys();
      if (this.#offers.size > maxOfferedStreams && oldest !== undefined) this.#offers.delete(oldest);
    } else if (event.kind === "closed") {
      const { stream, durationMs, cause, peers, operator } = event;
      const offer = this.#offers.get(stream);
      this.#offers.delete(stream);
      const ending = peers.find((peer) => peer.endedIt);
      const endedBy = operator === undefined ? ending && partyOf(ending) : `operator ${operator}`;
      this.#add({
        time: new Date().toISOString(),
        stream,
        ...offer,
        durationMs: Math.round(durationMs),
        peers: peers.map(({ address, role, bytes }) => ({ address, role, bytes })),
        ended: endedBy === undefined ? "both sides ended" : cause,
        ...(endedBy !== undefined && { endedBy }),
      });
    } else if (event.kind === "expired") this.#offers.delete(event.stream);
    else if (event.kind === "killed" || event.kind === "evicted" || event.kind === "drain-requested") {
      const { kind: action, ...fields } = event;
      this.#add({ time: new Date().toISOString(), action, ...fields });
    }
  }

  #add(line: object): void {
    const text = `${JSON.stringify(line)}\n`;
    const bytes = Buffer.byteLength(text);
    if (this.#pendingBytes + bytes > maxPendingBytes) {
      this.#options.onTrouble(
        new Error(`the disk is too slow: more than ${maxPendingBytes} bytes wait, and lines are lost`),
      );
      return;
    }
    this.#pending.push(text);
    this.#pendingBytes += bytes;
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
    });
  }

  /** Writes what waits. A failure loses those lines, and the next ones are tried again. Never rejects. */
  async #write(): Promise<void> {
    while (this.#pending.length > 0) {
      const text = this.#pending.join("");
      const bytes = this.#pendingBytes;
      this.#pending = [];
      this.#pendingBytes = 0;
      try {
        if (this.#bytes > 0 && this.#bytes + bytes > this.#maxBytes) await this.#rotate();
        await this.#file.appendFile(text);
        this.#bytes += bytes;
      } catch (error) {
        this.#options.onTrouble(new Error(reasonOf(error), { cause: error }));
      }
    }
  }

  async #rotate(): Promise<void> {
    for (let number = keptAuditFiles - 1; number >= 1; number -= 1)
      await rename(`${this.#path}.${number}`, `${this.#path}.${number + 1}`).catch(() => {});
    await rename(this.#path, `${this.#path}.1`);
    const next = await opened(this.#path);
    await this.#file.close().catch(() => {});
    this.#file = next;
    this.#bytes = 0;
  }

  /** Writes what waits, and closes the file. Never rejects. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing;
    await this.#file.close().catch(() => {});
  }
}

/** Opens the file for its owner alone: it says who talks to whom. */
function opened(path: string): Promise<FileHandle> {
  return open(path, "a", 0o600);
}

function partyOf({ role, address }: ClosedPeer): string {
  return role === undefined ? address : role === "dial" ? "dialler" : "listener";
}
