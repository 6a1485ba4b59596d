/**
 * One direction of a faulty link. Bytes go in, and come out late, in other pieces, changed, or not at all, but never in
 * another order.
 */

import type { Clock } from "@trunkline/streams";
import { Buffer } from "#platform";

/** The faults of one direction. Counts begin with the first byte of the connection. */
export interface DirectionFaults {
  /**
   * The milliseconds that each chunk takes; a function is asked for each chunk. A chunk never overtakes another.
   * Default 0.
   */
  readonly delayMs?: number | (() => number) | undefined;
  /**
   * The largest number of bytes that are delivered at once; a function is asked for each piece. Bytes that are due at
   * the same time are joined first. Default: the pieces in which they were written.
   */
  readonly chunkBytes?: number | (() => number) | undefined;
  /** The number of bytes after which the connection breaks, for both ends. Default: never. */
  readonly cutAfterBytes?: number | undefined;
  /**
   * The number of bytes after which nothing arrives any more, not even the end or the loss of the connection. Default:
   * never.
   */
  readonly silentAfterBytes?: number | undefined;
  /** The offset of a byte that arrives with all its bits turned. Default: none. */
  readonly corruptByteAt?: number | undefined;
}

/** The receiver of the bytes that come out. */
export interface LinkSink {
  /** Takes bytes. @returns false if it takes no more until `resume` is called */
  deliver(bytes: Uint8Array): boolean;
  end(): void;
  cut(): void;
}

/** The largest number of bytes on their way. Beyond it, writers wait, as before a full socket buffer. */
const maxBytesUnderWay = 1_048_576;

/** A chunk, the end or the loss of the connection, with the time at which it arrives. */
type Item = { readonly dueMs: number; readonly bytes: Uint8Array | "end" | "cut" };

/** The queue of one direction. */
export class LinkDirection {
  readonly #faults: DirectionFaults;
  readonly #clock: Clock;
  readonly #sink: LinkSink;
  readonly #items: Item[] = [];
  #underWay = 0;
  #passed = 0;
  #lastDueMs = 0;
  #full = false;
  #silent: boolean;
  #over = false;
  #cancelTimer: (() => void) | undefined = undefined;
  #waiting: (() => void) | undefined = undefined;

  constructor(faults: DirectionFaults, clock: Clock, sink: LinkSink) {
    this.#faults = faults;
    this.#clock = clock;
    this.#sink = sink;
    this.#silent = faults.silentAfterBytes === 0;
  }

  get silent(): boolean {
    return this.#silent;
  }

  /** Lets nothing arrive any more. */
  silence(): void {
    this.#silent = true;
  }

  /** Takes bytes. @param accepted called when more may come */
  write(given: Uint8Array, accepted: () => void): void {
    const bytes = this.#spoilt(given);
    if (bytes.length > 0) this.#add(bytes);
    if (this.#passed === this.#faults.cutAfterBytes) this.#add("cut");
    if (this.#underWay < maxBytesUnderWay) accepted();
    else this.#waiting = accepted;
    this.#run();
  }

  end(): void {
    this.#add("end");
    this.#run();
  }

  /** Goes on after the sink had enough. */
  resume(): void {
    this.#full = false;
    this.#run();
  }

  /** Drops everything that is on its way. */
  stop(): void {
    this.#over = true;
    this.#cancelTimer?.();
    this.#items.length = 0;
  }

  /** Returns the rest of a chunk after bytes were changed and lost. */
  #spoilt(given: Uint8Array): Uint8Array {
    const {
      corruptByteAt,
      cutAfterBytes = Number.POSITIVE_INFINITY,
      silentAfterBytes = Number.POSITIVE_INFINITY,
    } = this.#faults;
    if (this.#silent) return nothing;
    const from = this.#passed;
    const bytes = given.slice(0, Math.max(0, Math.min(cutAfterBytes, silentAfterBytes) - from));
    this.#passed += bytes.length;
    if (this.#passed >= silentAfterBytes) this.#silent = true;
    const octet = corruptByteAt === undefined ? undefined : bytes[corruptByteAt - from];
    if (octet !== undefined && corruptByteAt !== undefined) bytes[corruptByteAt - from] = octet ^ 0xff;
    return bytes;
  }

  #add(bytes: Item["bytes"]): void {
    // A silent link passes on neither its end nor its loss.
    if (this.#over || (this.#silent && typeof bytes === "string")) return;
    const dueMs = Math.max(this.#lastDueMs, this.#clock.nowMs() + given(this.#faults.delayMs, 0));
    this.#lastDueMs = dueMs;
    this.#items.push({ dueMs, bytes });
    if (typeof bytes !== "string") this.#underWay += bytes.length;
  }

  /** Delivers the bytes that are due, and makes an appointment for the rest. */
  #run(): void {
    if (this.#over || this.#full) return;
    const nowMs = this.#clock.nowMs();
    while (!this.#full && this.#items[0] !== undefined && this.#items[0].dueMs <= nowMs) this.#deliverNext(nowMs);
    const next = this.#items[0];
    if (this.#over || this.#full || next === undefined || this.#cancelTimer !== undefined) return;
    this.#cancelTimer = this.#clock.at(
      next.dueMs,
      () => {
        this.#cancelTimer = undefined;
        this.#run();
      },
      "watch",
    );
  }

  #deliverNext(nowMs: number): void {
    const first = this.#items.shift()?.bytes;
    if (first === "end") this.#sink.end();
    else if (first === "cut") this.#sink.cut();
    else if (first !== undefined)
      this.#deliver(this.#faults.chunkBytes === undefined ? first : this.#joined(first, nowMs));
  }

  /** Joins all bytes that are due. */
  #joined(first: Uint8Array, nowMs: number): Uint8Array {
    const parts = [first];
    for (
      let next = this.#items[0];
      next !== undefined && next.dueMs <= nowMs && typeof next.bytes !== "string";
      next = this.#items[0]
    ) {
      parts.push(next.bytes);
      this.#items.shift();
    }
    return Buffer.concat(parts);
  }

  #deliver(bytes: Uint8Array): void {
    const length = Math.max(1, Math.min(bytes.length, given(this.#faults.chunkBytes, bytes.length)));
    const rest = bytes.subarray(length);
    if (rest.length > 0) this.#items.unshift({ dueMs: 0, bytes: rest });
    this.#underWay -= length;
    this.#full = !this.#sink.deliver(bytes.subarray(0, length));
    if (this.#underWay >= maxBytesUnderWay) return;
    const accepted = this.#waiting;
    this.#waiting = undefined;
    accepted?.();
  }
}

const nothing = new Uint8Array(0);

function given(value: number | (() => number) | undefined, fallback: number): number {
  return typeof value === "function" ? value() : (value ?? fallback);
}
