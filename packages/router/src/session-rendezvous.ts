/**
 * The pairing table of sessions, whose peers come again and again: each half has the number of its attempt, and a
 * later one takes the place of an earlier one of the same side. The table is pure, like `Rendezvous`: it knows neither
 * calls nor clocks.
 */
import { Heap, type HeapEntry } from "@trunkline/base";
import type { Role } from "./rendezvous.js";

/** A half that arrives, as its token describes it. */
export interface SessionArrival {
  /** The name of the session. */
  readonly stream: string;
  readonly role: Role;
  readonly attempt: number;
  /** The time until which the attempt is remembered, so that no earlier one can come after it. */
  readonly tokenUntilMs: number;
}

/** The decision about a half. `superseded` and `widowed` are halves whose calls have to be ended. */
export type SessionOutcome<Peer> =
  /** An attempt of this side that is not lower has come before. */
  | { readonly kind: "old"; readonly byAttempt: number }
  | { readonly kind: "full" }
  | {
      readonly kind: "wait" | "pair";
      /** The half that it is joined with. */
      readonly other: Peer | undefined;
      /** The earlier half of this side. */
      readonly superseded: Peer | undefined;
      /** The half that the earlier one was joined with. */
      readonly widowed: Peer | undefined;
    };

/**
 * The longest wait for the other half. It is short: a peer asks again, and is told then where the other one may be.
 */
const halfWaitMs = 5_000;

interface Half<Peer> extends HeapEntry {
  readonly stream: string;
  readonly peer: Peer;
  readonly role: Role;
  /** The half that it was joined with. A half is joined once. */
  partner: Half<Peer> | undefined;
}

interface Halves<Peer> extends HeapEntry {
  readonly stream: string;
  dueMs: number;
  readonly highest: { listen: number; dial: number };
  listen: Half<Peer> | undefined;
  dial: Half<Peer> | undefined;
}

export class SessionRendezvous<Peer extends {}> {
  readonly #maxSessions: number;
  readonly #sessions: Map<string, Halves<Peer>> = new Map();
  readonly #waits: Heap<Half<Peer>> = new Heap();
  /** The sessions without halves, by the time until which their attempts are remembered. */
  readonly #memory: Heap<Halves<Peer>> = new Heap();

  constructor(maxSessions: number) {
    this.#maxSessions = maxSessions;
  }

  get waitingPeers(): number {
    return this.#waits.size;
  }

  /** The time at which the next wait expires; undefined while no half waits. */
  get nextExpiryMs(): number | undefined {
    return this.#waits.first?.dueMs;
  }

  /** Decides what becomes of a half that arrives. The outcome holds at once. */
  arrive(peer: Peer, { stream, role, attempt, tokenUntilMs }: SessionArrival, nowMs: number): SessionOutcome<Peer> {
    this.#forget(nowMs);
    let halves = this.#sessions.get(stream);
    if (halves === undefined) {
      if (this.#sessions.size >= this.#maxSessions) return { kind: "full" };
      const highest = { listen: 0, dial: 0 };
      halves = { stream, dueMs: 0, heapIndex: -1, highest, listen: undefined, dial: undefined };
      this.#sessions.set(stream, halves);
    }
    if (attempt <= halves.highest[role]) return { kind: "old", byAttempt: halves.highest[role] };
    halves.highest[role] = attempt;
    this.#memory.remove(halves);
    halves.dueMs = Math.max(halves.dueMs, tokenUntilMs);
    const otherRole = role === "dial" ? "listen" : "dial";
    const earlier = halves[role];
    const widowed = earlier?.partner === halves[otherRole] ? earlier?.partner : undefined;
    for (const gone of [earlier, widowed]) if (gone !== undefined) this.#remove(halves, gone);
    const half: Half<Peer> = {
      stream,
      peer,
      role,
      partner: undefined,
      dueMs: nowMs + halfWaitMs,
      heapIndex: -1,
    };
    halves[role] = half;
    const waiting = halves[otherRole];
    const other = waiting?.partner === undefined ? waiting : undefined;
    if (other === undefined) {
      this.#waits.add(half);
    } else {
      half.partner = other;
      other.partner = half;
      this.#waits.remove(other);
    }
    return {
      kind: other === undefined ? "wait" : "pair",
      other: other?.peer,
      superseded: earlier?.peer,
      widowed: widowed?.peer,
    };
  }

  /** Records that the call of a half is over. */
  ended(stream: string, role: Role, peer: Peer): void {
    const halves = this.#sessions.get(stream);
    const half = halves?.[role];
    if (halves !== undefined && half?.peer === peer) this.#remove(halves, half);
  }

  /** Returns the half of a side that waits for the other one. */
  waitingOf(stream: string, role: Role): Peer | undefined {
    const half = this.#sessions.get(stream)?.[role];
    return half !== undefined && half.partner === undefined ? half.peer : undefined;
  }

  /** Returns the halves that are joined. */
  *joined(): IterableIterator<Peer> {
    for (const { listen, dial } of this.#sessions.values())
      for (const half of [listen, dial]) if (half?.partner !== undefined) yield half.peer;
  }

  /** Returns the halves that wait. */
  *waiting(): IterableIterator<Peer> {
    for (const { listen, dial } of this.#sessions.values())
      for (const half of [listen, dial]) if (half !== undefined && half.partner === undefined) yield half.peer;
  }

  /** Removes the halves whose wait has expired, and returns them. */
  expire(nowMs: number): Peer[] {
    const expired: Peer[] = [];
    for (let next = this.#waits.takeDue(nowMs); next !== undefined; next = this.#waits.takeDue(nowMs)) {
      this.#remove(this.#sessions.get(next.stream) as Halves<Peer>, next);
      expired.push(next.peer);
    }
    this.#forget(nowMs);
    return expired;
  }

  #remove(halves: Halves<Peer>, half: Half<Peer>): void {
    this.#waits.remove(half);
    halves[half.role] = undefined;
    if (halves.listen === undefined && halves.dial === undefined) this.#memory.add(halves);
  }

  #forget(nowMs: number): void {
    for (let next = this.#memory.takeDue(nowMs); next !== undefined; next = this.#memory.takeDue(nowMs))
      this.#sessions.delete(next.stream);
  }
}
