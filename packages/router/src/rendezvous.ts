/**
 * The pairing table: the first peer of a stream waits, the second one is joined to it. The table is pure: it knows
 * neither calls nor tokens nor clocks; time is an argument, and the type of a peer is its user's choice.
 */
import { Heap, type HeapEntry } from "@trunkline/base";

/** The side of a stream of the exchange that a token is for. */
export type Role = "listen" | "dial";

/** A peer that arrives, as its token and its metadata describe it. */
export interface Arrival {
  /** The name of the stream: the token's `sub`. */
  readonly stream: string;
  /** The role in the token. Tokens of an exchange have one; tokens that users make themselves need none. */
  readonly role?: Role | undefined;
  /** The token's `jti`. */
  readonly tokenId?: string | undefined;
  /** The name that the peer gives itself, so that a peer that calls again is not joined to its own earlier call. */
  readonly peerId?: string | undefined;
  /** The time at which the token expires: no peer can come with it later, so none waits longer. */
  readonly tokenUntilMs: number;
}

export type Refusal =
  /** The stream has its two sides already. */
  | "third-peer"
  /** Another peer has used this token. */
  | "token-used"
  /** Another token of this side is in use, or one side came with a role and the other without. */
  | "same-role"
  | "too-many-waiting"
  | "too-many-streams";

export type Outcome<Peer> =
  /** `replaced` is the earlier call of the same peer, which has to be ended. */
  | { readonly kind: "wait"; readonly untilMs: number; readonly replaced: Peer | undefined }
  | { readonly kind: "pair"; readonly first: Peer }
  | { readonly kind: "refuse"; readonly because: Refusal };

export interface RendezvousLimits {
  /** The longest time that the first peer waits. */
  readonly maxWaitMs: number;
  /** The number of peers that may wait at once. */
  readonly maxWaitingPeers: number;
  /**
   * The number of streams of the exchange that are remembered until their tokens expire, so that no token is used
   * twice.
   */
  readonly maxRememberedStreams: number;
  /** True refuses a third peer while a pair without roles lives; with roles a third peer is always refused. */
  readonly refuseThirdPeer: boolean;
}

interface Waiting<Peer> extends HeapEntry {
  readonly peer: Peer;
  readonly arrival: Arrival;
}

/** The peers that have used the tokens of one stream of the exchange; kept until both tokens have expired. */
interface Remembered extends HeapEntry {
  readonly stream: string;
  dueMs: number;
  paired: boolean;
  listen: Arrival | undefined;
  dial: Arrival | undefined;
}

export class Rendezvous<Peer extends {}> {
  readonly #limits: RendezvousLimits;
  readonly #waiting: Map<string, Waiting<Peer>> = new Map();
  readonly #waits: Heap<Waiting<Peer>> = new Heap();
  readonly #remembered: Map<string, Remembered> = new Map();
  readonly #memory: Heap<Remembered> = new Heap();
  /** The streams of live pairs without roles, kept where a third peer is refused. */
  readonly #paired: Set<string> = new Set();

  constructor(limits: RendezvousLimits) {
    this.#limits = limits;
  }

  get waitingPeers(): number {
    return this.#waiting.size;
  }

  get rememberedStreams(): number {
    return this.#remembered.size;
  }

  /** The time at which the next wait expires; undefined while no peer waits. */
  get nextExpiryMs(): number | undefined {
    return this.#waits.first?.dueMs;
  }

  /**
   * Decides what becomes of a peer that arrives. The outcome holds at once: a first peer waits in the table, and a pair
   * has left it.
   */
  arrive(peer: Peer, arrival: Arrival, nowMs: number): Outcome<Peer> {
    this.#forget(nowMs);
    const refusal = this.#refusal(arrival);
    if (refusal !== undefined) return { kind: "refuse", because: refusal };
    const { stream } = arrival;
    const first = this.#waiting.get(stream);
    const replaced = first !== undefined && isSamePeer(first.arrival, arrival) ? first : undefined;
    if (replaced === undefined && first === undefined && this.#waiting.size >= this.#limits.maxWaitingPeers) {
      return { kind: "refuse", because: "too-many-waiting" };
    }
    if (!this.#remember(arrival)) return { kind: "refuse", because: "too-many-streams" };
    if (first !== undefined) this.#remove(first);
    if (first !== undefined && replaced === undefined) {
      const known = this.#remembered.get(stream);
      if (known !== undefined) known.paired = true;
      else if (this.#limits.refuseThirdPeer) this.#paired.add(stream);
      return { kind: "pair", first: first.peer };
    }
    const dueMs = Math.min(nowMs + this.#limits.maxWaitMs, arrival.tokenUntilMs);
    const waiting: Waiting<Peer> = { peer, arrival, dueMs, heapIndex: -1 };
    this.#waiting.set(stream, waiting);
    this.#waits.add(waiting);
    return { kind: "wait", untilMs: dueMs, replaced: replaced?.peer };
  }

  /** Removes a first peer that no longer waits for the other one. Returns false if it was not waiting. */
  withdraw(stream: string, peer: Peer): boolean {
    const waiting = this.#waiting.get(stream);
    if (waiting?.peer !== peer) return false;
    this.#remove(waiting);
    return true;
  }

  /** Records that a pair has ended. */
  pairClosed(stream: string): void {
    this.#paired.delete(stream);
  }

  /** Returns the peers that wait. */
  *waiting(): IterableIterator<Peer> {
    for (const { peer } of this.#waiting.values()) yield peer;
  }

  /** Removes the peers whose wait has expired, and returns them. */
  expire(nowMs: number): Peer[] {
    const expired: Peer[] = [];
    for (let next = this.#waits.takeDue(nowMs); next !== undefined; next = this.#waits.takeDue(nowMs)) {
      this.#waiting.delete(next.arrival.stream);
      expired.push(next.peer);
    }
    this.#forget(nowMs);
    return expired;
  }

  #remove(waiting: Waiting<Peer>): void {
    this.#waiting.delete(waiting.arrival.stream);
    this.#waits.remove(waiting);
  }

  #refusal(arrival: Arrival): Refusal | undefined {
    const { stream, role } = arrival;
    if (this.#paired.has(stream)) return "third-peer";
    const first = this.#waiting.get(stream)?.arrival;
    if (first !== undefined && (first.role === undefined) !== (role === undefined)) return "same-role";
    const known = this.#remembered.get(stream);
    if (known === undefined || role === undefined) return undefined;
    if (known.paired) return "third-peer";
    const user = known[role];
    if (user === undefined || isSamePeer(user, arrival)) return undefined;
    return user.tokenId === arrival.tokenId ? "token-used" : "same-role";
  }

  #remember(arrival: Arrival): boolean {
    const { stream, role, tokenUntilMs } = arrival;
    if (role === undefined) return true;
    let known = this.#remembered.get(stream);
    if (known === undefined) {
      if (this.#remembered.size >= this.#limits.maxRememberedStreams) return false;
      known = { stream, dueMs: tokenUntilMs, heapIndex: -1, paired: false, listen: undefined, dial: undefined };
      this.#remembered.set(stream, known);
      this.#memory.add(known);
    } else if (tokenUntilMs > known.dueMs) {
      this.#memory.remove(known);
      known.dueMs = tokenUntilMs;
      this.#memory.add(known);
    }
    known[role] = arrival;
    return true;
  }

  #forget(nowMs: number): void {
    for (let next = this.#memory.takeDue(nowMs); next !== undefined; next = this.#memory.takeDue(nowMs)) {
      this.#remembered.delete(next.stream);
    }
  }
}

/** Returns true if both arrivals are of one peer. Peers that give no name are all different. */
function isSamePeer(one: Arrival, other: Arrival): boolean {
  return one.peerId !== undefined && one.peerId === other.peerId && one.role === other.role;
}
