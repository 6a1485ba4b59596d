/**
 * Messages in the making: those that an application waits for and that have come only in part. Their bytes stay counted
 * as unread until the application acknowledges them, so that they stay in the connection's budget; but the stream's
 * window is extended, or a message larger than the window would never be whole.
 *
 * Only as many messages are extended as half of the budget has room for in full, so that those few come to their ends,
 * where otherwise a thousand would each have come in part when the budget is full. The others wait in order of age. The
 * oldest one is always extended, even past the budget, by at most its own size: so there is always one that can be
 * finished.
 *
 * An application hears by `onBudgetExhausted` of a message that has waited for too long, and of an extended one that
 * does not go on while others wait. It must not know what messages are: gRPC fails the call with RESOURCE_EXHAUSTED.
 */
import type { Assembly, Stream } from "../stream/stream.js";

/**
 * The part of the budget that extended messages get; the rest is for what other streams may send within their windows.
 */
const extendedPart = 0.5;
/** The time limit is looked at in steps of this part of it. */
const checkSteps = 8;
const never = Number.POSITIVE_INFINITY;

/** The messages in the making of one connection. It decides which of their streams are extended, and when. */
export class Assemblies {
  readonly #roomBytes: number;
  readonly #timeoutMs: number;
  readonly #extend: (stream: Stream, bytes: number) => void;
  /** All messages in the making, the oldest first. */
  readonly #all: Set<Assembly> = new Set();
  /** The messages that wait to be extended, the oldest first. */
  readonly #waiting: Set<Assembly> = new Set();
  /** The bytes that extended messages still have to receive. */
  #promisedBytes = 0;
  /** The time to look for messages that stand still; undefined while there is room for all. */
  #checkAt: number | undefined = undefined;

  /** `extend` lets the peer send so many more bytes of a message. */
  constructor(budgetBytes: number, timeoutMs: number, extend: (stream: Stream, bytes: number) => void) {
    this.#roomBytes = budgetBytes * extendedPart;
    this.#timeoutMs = timeoutMs;
    this.#extend = extend;
  }

  /** The bytes that the oldest message still has to receive: the connection's window must let them through. */
  get oldestBytes(): number {
    if (this.#all.size > 0) for (const oldest of this.#all) return remaining(oldest);
    return 0;
  }

  /** The number of messages in the making. */
  get size(): number {
    return this.#all.size;
  }

  /** The time at which `check` has to be called. */
  get deadline(): number {
    return this.#checkAt ?? never;
  }

  /** Begins a message of which `bytes` have still to come. @returns whether the stream was extended at once */
  begin(stream: Stream, bytes: number, unreadBytes: number, now: number): boolean {
    this.end(stream, unreadBytes, now);
    const assembly: Assembly = {
      stream,
      wholeAt: stream.receivedBytes + bytes,
      extended: false,
      sinceMs: now,
      told: false,
    };
    stream.assembly = assembly;
    this.#all.add(assembly);
    if (this.#waiting.size === 0 && this.#fits(assembly, unreadBytes)) this.#grant(assembly, now);
    else {
      this.#waiting.add(assembly);
      this.#checkAt ??= now + this.#timeoutMs;
    }
    return assembly.extended;
  }

  /** Counts bytes of the stream that have come; they are in its `receivedBytes` already. */
  received(assembly: Assembly, bytes: number, unreadBytes: number, now: number): void {
    assembly.sinceMs = now;
    if (assembly.extended) this.#promisedBytes -= Math.min(bytes, remaining(assembly) + bytes);
    if (remaining(assembly) <= 0) this.end(assembly.stream, unreadBytes, now);
  }

  /** Forgets the message of a stream, since it is whole or given up. */
  end(stream: Stream, unreadBytes: number, now: number): void {
    const { assembly } = stream;
    if (assembly === undefined) return;
    stream.assembly = undefined;
    this.#all.delete(assembly);
    if (assembly.extended) this.#promisedBytes -= Math.max(0, remaining(assembly));
    else this.#waiting.delete(assembly);
    this.extendWaiting(unreadBytes, now);
  }

  /**
   * Begins to look for messages that stand still, since the connection is read from no more until others have freed
   * room.
   */
  hurry(now: number): void {
    if (this.#all.size > 0) this.#checkAt ??= now + this.#timeoutMs;
  }

  /** Extends the waiting messages that there is room for now, the oldest first. */
  extendWaiting(unreadBytes: number, now: number): void {
    for (const next of this.#waiting) {
      if (!this.#fits(next, unreadBytes)) return;
      this.#waiting.delete(next);
      this.#grant(next, now);
    }
  }

  /** Tells the applications of messages that have waited or stood still for too long. */
  check(now: number, overBudget: boolean): void {
    if (this.#checkAt === undefined || now < this.#checkAt) return;
    this.#checkAt = undefined;
    if (this.#waiting.size === 0 && !overBudget) return;
    let next = never;
    for (const assembly of [...this.#all]) {
      const { handler, released, assembly: current } = assembly.stream;
      if (assembly.told || current !== assembly) continue; // What was told before may have ended others.
      if (now - assembly.sinceMs < this.#timeoutMs) {
        next = Math.min(next, assembly.sinceMs + this.#timeoutMs);
        continue;
      }
      assembly.told = true;
      if (!released) handler?.onBudgetExhausted?.();
    }
    // In steps: a thousand that began one after the other are not looked at a thousand times.
    const step = now + this.#timeoutMs / checkSteps;
    this.#checkAt = next === never ? undefined : Math.max(next, step);
  }

  #fits(assembly: Assembly, unreadBytes: number): boolean {
    if (unreadBytes + this.#promisedBytes + remaining(assembly) <= this.#roomBytes) return true;
    for (const oldest of this.#all) return oldest === assembly;
    return false;
  }

  #grant(assembly: Assembly, now: number): void {
    assembly.extended = true;
    assembly.sinceMs = now;
    const bytes = remaining(assembly);
    this.#promisedBytes += bytes;
    this.#extend(assembly.stream, bytes);
  }
}

function remaining({ stream, wholeAt }: Assembly): number {
  return wholeAt - stream.receivedBytes;
}
