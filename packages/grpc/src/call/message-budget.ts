/**
 * The memory of messages in the making: those that have come in part and that a call waits for. Each connection bounds
 * its own (`maxBufferedBytesPerConnection`); a `MessageBudget` bounds those of all connections that share it. Knows
 * neither calls nor streams.
 */
import { brandClass, type Clock, checkOptionNames, optionNames, wholeNumber } from "@trunkline/base";
import { systemClock } from "#platform";
import { version } from "../wire/version.js";

/** The bytes of a message that a stream takes without the budget: the window that every stream has anyway. */
export const unbudgetedBytes = 66_560;

/** Options of a `MessageBudget`. */
export interface MessageBudgetOptions {
  /**
   * The bytes of all messages in the making, each counted with its announced length. Default 268,435,456 (256 MiB): 64
   * messages of the default limit at once, and an amount that a server of ordinary size can spare.
   */
  readonly maxBytes?: number | undefined;
  /**
   * The time in milliseconds that a message may stand still while the budget is full. Its call then fails with
   * RESOURCE_EXHAUSTED. Default 10,000: what is read frees room in far less, and a sender that was stopped for longer
   * is better told.
   */
  readonly timeoutMs?: number | undefined;
  /** The clock of the time limit. Default: the system's. */
  readonly clock?: Clock | undefined;
}

const messageBudgetOptionNames = optionNames<MessageBudgetOptions>({ maxBytes: true, timeoutMs: true, clock: true });

/** The receiver of a message in the making. */
export interface ReservationOwner {
  /** Called once there is room for the message. */
  onRoom(): void;
  /** Called when the message has stood still for too long while others wait, or has waited for too long. */
  onNoRoom(): void;
}

/**
 * A limit for messages that have come in part, shared by the servers and channels that are given the same budget. While
 * it is full, the oldest messages go on and further ones wait in order; a message that stands still fails its call with
 * RESOURCE_EXHAUSTED.
 */
export class MessageBudget {
  static {
    // A budget is shared with servers and channels of another copy of this version, which use its methods.
    brandClass(MessageBudget, `MessageBudget/${version}`);
  }

  readonly maxBytes: number;
  readonly timeoutMs: number;
  readonly #clock: Clock;
  /** The messages that have room, and those that wait for it, in order of age. */
  readonly #granted: Set<Reservation> = new Set();
  readonly #waiting: Set<Reservation> = new Set();
  #heldBytes = 0;
  #cancelCheck: (() => void) | undefined = undefined;

  /** @throws RangeError for a number out of its range */
  constructor(options: MessageBudgetOptions = {}) {
    checkOptionNames("MessageBudget", options, messageBudgetOptionNames);
    this.maxBytes = wholeNumber("maxBytes", options.maxBytes ?? 268_435_456, 1);
    this.timeoutMs = wholeNumber("timeoutMs", options.timeoutMs ?? 10_000, 1, 2 ** 31 - 1);
    this.#clock = options.clock ?? systemClock;
  }

  /** The bytes of the messages that have room now. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** The number of messages that wait for room. */
  get waitingMessages(): number {
    return this.#waiting.size;
  }

  /**
   * Asks for room for a message of `bytes` bytes; `granted` says whether there is some at once.
   * @internal
   */
  reserve(owner: ReservationOwner, bytes: number): Reservation {
    const reservation = new Reservation(this, owner, bytes, this.#clock.nowMs());
    if (this.#waiting.size === 0 && this.#fits(reservation)) this.#grant(reservation);
    else {
      this.#waiting.add(reservation);
      this.#watch();
    }
    return reservation;
  }

  /**
   * Notes that some of the message has come.
   * @internal
   */
  touch(reservation: Reservation): void {
    if (this.#waiting.size > 0) reservation.sinceMs = this.#clock.nowMs();
    else reservation.sinceMs = undefined;
  }

  /**
   * Gives back the room of a message that was taken or given up, and grants it to those that wait.
   * @internal
   */
  release(reservation: Reservation): void {
    if (this.#granted.delete(reservation)) this.#heldBytes -= reservation.bytes;
    else if (!this.#waiting.delete(reservation)) return;
    for (const next of this.#waiting) {
      if (!this.#fits(next)) break;
      this.#waiting.delete(next);
      this.#grant(next);
      next.owner.onRoom();
    }
    if (this.#waiting.size > 0) return;
    this.#cancelCheck?.();
    this.#cancelCheck = undefined;
  }

  /** The oldest message fits whatever its size, so that one can always be finished. */
  #fits({ bytes }: Reservation): boolean {
    return this.#granted.size === 0 || this.#heldBytes + bytes <= this.maxBytes;
  }

  #grant(reservation: Reservation): void {
    reservation.granted = true;
    reservation.sinceMs = this.#waiting.size > 0 ? this.#clock.nowMs() : undefined;
    this.#granted.add(reservation);
    this.#heldBytes += reservation.bytes;
  }

  #watch(): void {
    if (this.#cancelCheck !== undefined) return;
    const atMs = this.#clock.nowMs() + Math.max(1, this.timeoutMs / 8);
    this.#cancelCheck = this.#clock.at(atMs, () => this.#check(), "watch");
  }

  #check(): void {
    this.#cancelCheck = undefined;
    const nowMs = this.#clock.nowMs();
    for (const reservation of [...this.#granted, ...this.#waiting]) {
      // Ended by what came before it in this loop.
      if (!this.#granted.has(reservation) && !this.#waiting.has(reservation)) continue;
      // A message that had no need to be watched so far is watched from now on.
      reservation.sinceMs ??= nowMs;
      if (nowMs - reservation.sinceMs >= this.timeoutMs) reservation.owner.onNoRoom();
    }
    if (this.#waiting.size > 0) this.#watch();
  }
}

/** The room of one message in a `MessageBudget`. */
export class Reservation {
  readonly #budget: MessageBudget;
  readonly owner: ReservationOwner;
  readonly bytes: number;
  granted = false;
  /** The time at which the message last went on; undefined while nothing depends on it. */
  sinceMs: number | undefined;

  constructor(budget: MessageBudget, owner: ReservationOwner, bytes: number, nowMs: number) {
    this.#budget = budget;
    this.owner = owner;
    this.bytes = bytes;
    this.sinceMs = nowMs;
  }

  /** Notes that some of the message has come. */
  touch(): void {
    this.#budget.touch(this);
  }

  release(): void {
    this.#budget.release(this);
  }
}

/** The budget of all servers and channels that are given no other. */
const sharedBudget: MessageBudget = new MessageBudget();

/**
 * Returns the budget of a server or channel: the given one, else the process's, else one on the clock that was given.
 */
export function budgetFor(given: MessageBudget | undefined, clock: Clock): MessageBudget {
  if (given !== undefined) {
    if (given instanceof MessageBudget) return given;
    throw new TypeError("messageBudget must be a MessageBudget");
  }
  return clock === systemClock ? sharedBudget : new MessageBudget({ clock });
}
