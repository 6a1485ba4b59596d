/**
 * The pairing table: who comes first under a name waits, who comes second is joined to it. Pure: it knows neither calls nor tokens nor
 * clocks; time is an argument, and a peer is whatever its user says it is.
 */
import { Heap, type HeapEntry } from "@trunkline/base";

/** Which side of a stream of the exchange a token is for. */
export type Role = "listen" | "dial";

/** Who comes, as its token and its metadata say. */
export interface Arrival {
  /** The name of the stream: `sub`. */
  readonly stream: string;
  /** Tokens of an exchange have one; those who have made their own tokens need none. */
  readonly role?: Role | undefined;
  /** `jti`. */
  readonly tokenId?: string | undefined;
  /** Names the peer, so that one that tries again is not taken for its own other side. */
  readonly peerId?: string | undefined;
  /** When the token is no longer good: nobody can come later, so nobody waits longer. */
  readonly tokenUntilMs: number;
}

export type Refusal =
  /** The stream has its two sides already. */
  | "third-peer"
  /** Somebody else has used this token. */
  | "token-used"
  /** The other token of this side is being used, or one side came with a role and the other without. */
  | "same-role"
  | "too-many-waiting"
  | "too-many-streams";

export type Outcome<Peer> =
  /** `replaced`: its own earlier half, which has to be ended. */
  | { readonly kind: "wait"; readonly untilMs: number; readonly replaced: Peer | undefined }
  | { readonly kind: "pair"; readonly first: Peer }
  | { readonly kind: "refuse"; readonly because: Refusal };

export interface RendezvousLimits {
  /** How long the first may wait. */
  readonly maxWaitMs: number;
  /** How many may wait at once. */
  readonly maxWaitingPeers: number;
  /** Streams of exchange tokens that are remembered until those tokens expire, so that none is used twice. */
  readonly maxRememberedStreams: number;
  /** Whether a third peer is refused while a pair lives that came without roles; with roles it always is. */
  readonly refuseThirdPeer: boolean;
}

interface Waiting<Peer> extends HeapEntry {
  readonly peer: Peer;
  readonly arrival: Arrival;
}

/** Who has used the tokens of one stream of the exchange; kept until both are no longer good. */
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
  /** Live pairs without roles, where a third peer is refused. */
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

  /** When `expire` has something to do. */
  get nextExpiryMs(): number | undefined {
    return this.#waits.first?.dueMs;
  }

  /** Somebody comes. What it is told holds at once: a first waits in the table, and a pair has left it. */
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

  /** A first that waits is gone. False if it waits no more. */
  withdraw(stream: string, peer: Peer): boolean {
    const waiting = this.#waiting.get(stream);
    if (waiting?.peer !== peer) return false;
    this.#remove(waiting);
    return true;
  }

  /** A pair is no more. */
  parted(stream: string): void {
    this.#paired.delete(stream);
  }

  /** Those who wait. */
  *waiting(): IterableIterator<Peer> {
    for (const { peer } of this.#waiting.values()) yield peer;
  }

  /** Takes out those who have waited too long. */
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

/** The same peer, again. Peers without a name are all different. */
function isSamePeer(one: Arrival, other: Arrival): boolean {
  return one.peerId !== undefined && one.peerId === other.peerId && one.role === other.role;
}
