/** jumpstarter.v1.RouterService: authenticates peers, has them paired by the table, and joins their calls. */
import type { Clock } from "@trunkline/base";
import { GrpcError, type Implementation, type ServerCall, Status } from "@trunkline/grpc";
import type { Access } from "../policy/access.js";
import { type Kill, type KilledStreams, killText } from "../registry/killed-streams.js";
import type { DialledStream, StreamTable } from "../registry/streams.js";
import { type Arrival, type Refusal, Rendezvous, type RendezvousLimits, type Role } from "../rendezvous.js";
import { deniedError } from "../session/final.js";
import type { ForwardingService } from "../stream/definition.js";
import { featuresKey, parseFeatures } from "../stream/features.js";
import { peerIdOf } from "../stream/peer-key.js";
import { authenticate } from "../token/bearer.js";
import type { TokenVerifier, VerifiedToken } from "../token/verifier.js";
import type { ClosedPeer } from "./events.js";
import { ExpiryTimer } from "./expiry-timer.js";
import { Lingering } from "./lingering.js";
import { Pair } from "./pair.js";
import { type ForwardedCall, Peer } from "./peer.js";
import type { Reporter } from "./reporter.js";
import { SessionHalves } from "./session-halves.js";
import { StreamLimits } from "./stream-limits.js";

export interface RouterServiceOptions {
  readonly verifier: TokenVerifier;
  readonly access: Access;
  /** The streams of the exchange, whose parties the policy judges. */
  readonly streams: StreamTable;
  /** The streams that an operator has ended. */
  readonly killed: KilledStreams;
  readonly limits: RendezvousLimits;
  readonly lingerMs: number;
  readonly maxLingeringPeers: number;
  readonly clock: Clock;
  unixNowMs(): number;
  readonly reporter: Reporter;
  /** Called when the last call has ended after the router was closed. */
  onIdle(): void;
}

export class RouterServiceHandler {
  readonly implementation: Implementation<typeof ForwardingService> = { stream: { open: (call) => this.#open(call) } };
  readonly #options: RouterServiceOptions;
  readonly #table: Rendezvous<Peer>;
  readonly #lingering: Lingering;
  /** The halves of streams whose peers can come back. */
  readonly sessions: SessionHalves;
  /** The peers whose calls run. */
  readonly #peers: Set<Peer> = new Set();
  /** The pairs that live, the oldest first. */
  readonly #pairs: Set<Pair> = new Set();
  /** The number of peers so far. */
  #peersSoFar = 0;
  readonly #timer: ExpiryTimer;
  #closed = false;

  constructor(options: RouterServiceOptions) {
    const { clock, lingerMs, maxLingeringPeers, reporter } = options;
    this.#options = options;
    this.#table = new Rendezvous(options.limits);
    this.#timer = new ExpiryTimer({
      clock,
      nextExpiryMs: () => this.#table.nextExpiryMs,
      expire: (nowMs) => this.#expire(nowMs),
    });
    this.sessions = new SessionHalves({
      maxRememberedStreams: options.limits.maxRememberedStreams,
      clock,
      reporter,
      join: (first, second) => this.#join(first, second),
      onWaiting: () => this.#countWaiting(),
    });
    this.#lingering = new Lingering({ clock, lingerMs, maxLingeringPeers, stats: reporter.stats });
  }

  /** Ends the calls of first peers with UNAVAILABLE; pairs go on, and sessions are asked to find another way. */
  drain(): void {
    this.close();
    this.sessions.drain();
  }

  /** Ends the calls of first peers with UNAVAILABLE; pairs go on. */
  close(): void {
    this.#closed = true;
    this.#timer.stop();
    for (const peer of this.#table.waiting()) peer.finish(closing());
    this.sessions.close(closing);
    if (this.#peers.size === 0) this.#options.onIdle();
  }

  /** Ends the calls of peers whose stream or token the policy no longer allows; others have its limits from now on. */
  recheck(): void {
    for (const { limits, peers } of this.#pairs) {
      const { dialled } = peers[0];
      if (dialled !== undefined) limits?.update(this.#options.access.limitsOf(dialled.dialler.identity));
    }
    for (const peer of this.#peers) {
      const denied = this.#denial(peer);
      if (denied !== undefined) peer.call.abort(denied);
    }
  }

  async #open(call: ForwardedCall): Promise<void> {
    const { reporter } = this.#options;
    let peer: Peer | undefined;
    try {
      peer = await this.#admit(call);
    } catch (error) {
      if (error instanceof GrpcError) reporter.refused(call, error);
      throw error;
    }
    if (peer === undefined) return;
    this.#peers.add(peer);
    await peer.over.finally(() => {
      this.#peers.delete(peer);
      if (this.#closed && this.#peers.size === 0) this.#options.onIdle();
    });
  }

  /** The peers whose calls run. */
  get peers(): ReadonlySet<Peer> {
    return this.#peers;
  }

  /** The pairs that live, the oldest first. */
  get pairs(): ReadonlySet<Pair> {
    return this.#pairs;
  }

  /**
   * Ends streams for an operator: both peers of each are told, and none can come back. Streams of plain peers, whose
   * tokens are good for further ones, are known by `streamIdOf` their first peer.
   */
  kill(ids: ReadonlySet<string>, kill: Kill): void {
    const { killed, streams, clock } = this.#options;
    const nowMs = clock.nowMs();
    const pairs = [...this.#pairs].filter(({ peers }) => ids.has(streamIdOf(peers[0])));
    const others = [...this.#peers].filter((peer) => ids.has(streamIdOf(peer)));
    for (const id of ids) if (streams.find(id) !== undefined) killed.add(id, kill, nowMs);
    for (const peer of new Set([...pairs.flatMap(({ peers }) => peers), ...others])) {
      peer.kill = kill;
      if (peer.role !== undefined) killed.add(peer.stream, kill, nowMs);
      const error =
        peer.attempt === undefined ? new GrpcError(Status.ABORTED, killText(kill)) : deniedError(killText(kill));
      if (!peer.joined && this.#table.withdraw(peer.stream, peer)) this.#endWait(peer, "killed", error);
      else peer.call.abort(error);
    }
    for (const id of ids) streams.ended(id);
  }

  #denial({ stream, role, dialled, tokenId, attempt }: Peer): GrpcError | undefined {
    const { access, killed, clock } = this.#options;
    const kill = role === undefined ? undefined : killed.find(stream, clock.nowMs());
    const reason =
      (kill && killText(kill)) ?? access.tokenDenial(tokenId) ?? (dialled && access.streamRefusal(dialled));
    return reason === undefined ? undefined : refusalOf(reason, attempt);
  }

  /** Returns a peer that waits or is joined; undefined if its client is lost already. @throws GrpcError */
  async #admit(call: ForwardedCall): Promise<Peer | undefined> {
    const { verifier, clock } = this.#options;
    const token = await authenticate(call.metadata, verifier);
    if (this.#closed) throw closing();
    this.#peersSoFar += 1;
    const peer = new Peer(call, token, this.#dialledAs(token), { number: this.#peersSoFar, nowMs: clock.nowMs() });
    const denied = this.#denial(peer);
    if (denied !== undefined) throw denied;
    // A peer of the exchange that is lost already still meets its other side, which gets what was sent, and is told at
    // once.
    if (call.signal.aborted && token.role === undefined) return undefined;
    const arrival = this.#arrivalOf(call, token);
    if (token.role !== undefined && token.attempt !== undefined) {
      this.sessions.admit(peer, token.role, token.attempt, arrival.tokenUntilMs);
      if (token.role === "listen") this.#options.streams.listenerCame(token.subject);
      return peer;
    }
    const outcome = this.#table.arrive(peer, arrival, clock.nowMs());
    if (outcome.kind !== "refuse" && token.role === "listen") this.#options.streams.listenerCame(token.subject);
    switch (outcome.kind) {
      case "refuse":
        throw refusals[outcome.because]();
      case "pair":
        this.#join(outcome.first, peer);
        break;
      case "wait":
        if (outcome.replaced !== undefined) this.#endWait(outcome.replaced, "replaced", replaced());
        this.#wait(peer, token.role);
        break;
    }
    return peer;
  }

  /** Returns the stream of the exchange that the token is for, where it is for one. */
  #dialledAs({ subject, role }: VerifiedToken): DialledStream | undefined {
    return role === undefined ? undefined : this.#options.streams.find(subject);
  }

  #arrivalOf(call: ForwardedCall, { subject, role, tokenId, expiresAtUnixMs }: VerifiedToken): Arrival {
    const { clock, unixNowMs } = this.#options;
    return {
      stream: subject,
      role,
      tokenId,
      peerId: peerIdOf(call.metadata),
      tokenUntilMs: clock.nowMs() + expiresAtUnixMs - unixNowMs(),
    };
  }

  #join(first: Peer, second: Peer): void {
    const { clock, reporter, streams } = this.#options;
    const { stats } = reporter;
    const { stream, dialled } = first;
    streams.joined(stream);
    const pair = new Pair(first, second, {
      clock,
      lingering: this.#lingering,
      stats,
      limits: dialled && this.#limitsOf(dialled, first, second),
      onOver: ({ startedAtMs, bytes, peers, dialler, listener }, endedBy, cause) => {
        this.#pairs.delete(pair);
        const kill = peers[0].kill ?? peers[1].kill;
        this.#table.pairClosed(stream);
        // A session whose pair is lost comes back; it ends where both sides have ended, or where it stays away.
        const isWhole = peers.every((peer) => peer.ended);
        if (first.attempt === undefined || isWhole) streams.ended(stream);
        else streams.detached(stream, { toDialler: listener.bytes, toListener: dialler.bytes }, clock.nowMs());
        stats.livePairs -= 1;
        if (cause !== undefined) stats.brokenPairs += 1;
        const closed = (peer: Peer): ClosedPeer => {
          return {
            address: peer.address,
            role: peer.role,
            bytes: peer.bytes,
            endedIt: kill === undefined && peer === endedBy,
          };
        };
        const durationMs = clock.nowMs() - startedAtMs;
        reporter.tell({
          kind: "closed",
          stream,
          cause,
          durationMs,
          bytes,
          peers: [closed(peers[0]), closed(peers[1])],
          operator: kill?.by,
        });
      },
    });
    this.#countWaiting();
    stats.livePairs += 1;
    stats.pairs += 1;
    if ((first.attempt ?? 1) > 1 || (second.attempt ?? 1) > 1) stats.resumptions += 1;
    reporter.tell({ kind: "paired", stream, peers: [first.address, second.address] });
    introduce(first.call, second.call);
    introduce(second.call, first.call);
    this.#pairs.add(pair);
    pair.join();
  }

  /** Returns the limits of a stream of the exchange, which may change. */
  #limitsOf(dialled: DialledStream, ...peers: readonly [Peer, Peer]): StreamLimits {
    const { clock, access } = this.#options;
    const { startedAtMs, dialler } = dialled;
    const limits = new StreamLimits({
      clock,
      startedAtMs,
      onLate: () => {
        const reason = access.ageRefusal(dialler.identity, Number.POSITIVE_INFINITY);
        for (const { call, attempt } of peers) if (reason !== undefined) call.abort(refusalOf(reason, attempt));
      },
    });
    limits.update(access.limitsOf(dialler.identity));
    return limits;
  }

  // Waiting.

  #countWaiting(): void {
    this.#options.reporter.stats.waitingPeers = this.#table.waitingPeers + this.sessions.waitingPeers;
  }

  #wait(peer: Peer, role: Role | undefined): void {
    const { reporter } = this.#options;
    const { stream, call } = peer;
    this.#countWaiting();
    reporter.tell({ kind: "waiting", stream, peer: peer.address });
    // A peer with a role stays when its client leaves: no other peer can take its place, and the other side is told at
    // once when it comes.
    if (role === undefined) {
      const onAbort = (): void => {
        if (this.#table.withdraw(stream, peer)) this.#endWait(peer, "left", undefined);
      };
      call.signal.addEventListener("abort", onAbort, { once: true });
    }
    this.#timer.arm();
  }

  #expire(nowMs: number): void {
    for (const peer of this.#table.expire(nowMs)) {
      this.#options.reporter.stats.expiredWaits += 1;
      this.#endWait(peer, "timed-out", late());
    }
  }

  /** Ends the call of a peer that waits no more and was not joined. */
  #endWait(peer: Peer, reason: "left" | "timed-out" | "replaced" | "killed", error: GrpcError | undefined): void {
    const { reporter } = this.#options;
    peer.finish(error);
    this.#countWaiting();
    reporter.tell({ kind: "expired", stream: peer.stream, peer: peer.address, reason });
  }
}

/**
 * Returns the id of a stream for operators. Several pairs of plain peers may have the same subject, so theirs has the
 * number of the peer that came first.
 */
export function streamIdOf({ stream, role, number }: Peer): string {
  return role === undefined ? `${stream.slice(0, maxIdChars)}#${number}` : stream.slice(0, maxIdChars);
}

/** The longest part of a subject in an id. */
const maxIdChars = 200;

/** Returns the end of a call that the policy does not allow; that of a session is final. */
function refusalOf(reason: string, attempt: number | undefined): GrpcError {
  return attempt === undefined ? new GrpcError(Status.PERMISSION_DENIED, reason) : deniedError(reason);
}

/** Tells a peer that it has been joined, and which features the other side has. */
function introduce(peer: ForwardedCall, other: ServerCall<{}, never>): void {
  const features = [...parseFeatures(other.metadata.get(featuresKey))];
  const metadata = features.length === 0 ? undefined : { [featuresKey]: features.join(",") };
  peer.sendInitialMetadata(metadata).catch(() => {}); // its client may be lost
}

const refusals: Readonly<Record<Refusal, () => GrpcError>> = {
  "third-peer": () => new GrpcError(Status.ALREADY_EXISTS, "the stream has two sides already"),
  "token-used": () => new GrpcError(Status.ALREADY_EXISTS, "the token was used by another peer"),
  "same-role": () => new GrpcError(Status.ALREADY_EXISTS, "this side of the stream is taken already"),
  "too-many-waiting": () =>
    new GrpcError(Status.RESOURCE_EXHAUSTED, "as many peers as maxWaitingPeers allows wait for their other side"),
  "too-many-streams": () =>
    new GrpcError(Status.RESOURCE_EXHAUSTED, "the router remembers as many streams as maxRememberedStreams allows"),
};

function replaced(): GrpcError {
  return new GrpcError(Status.ABORTED, "the peer has called again, and this call is the older one");
}

function late(): GrpcError {
  return new GrpcError(Status.DEADLINE_EXCEEDED, "the other side of the stream did not come in time");
}

function closing(): GrpcError {
  return new GrpcError(Status.UNAVAILABLE, "the router is closing");
}
