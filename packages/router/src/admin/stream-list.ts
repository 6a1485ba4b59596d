/**
 * The list of a router's streams: made of those that were dialled, the pairs that live, and the peers whose calls run.
 */
import type { Caller } from "../policy/access.js";
import { isDetached, type TrackedStream } from "../registry/streams.js";
import type { Pair } from "../service/pair.js";
import type { Peer } from "../service/peer.js";
import { streamIdOf } from "../service/router-service.js";
import type { RoutedStream, StreamParty, StreamState, StreamWait } from "./model.js";

/** The parts of a router that the list is made of. */
export interface StreamSources {
  readonly dialled: Iterable<TrackedStream>;
  readonly pairs: Iterable<Pair>;
  readonly peers: Iterable<Peer>;
  readonly nowMs: number;
  /** Returns the Unix time of a time of the clock. */
  unixMs(ms: number): number;
}

/** A wait that is shorter is none: bytes flow. */
const leastWaitMs = 100;
/** The longest identity, address or token id that is told. */
const maxPartyChars = 255;

/** The parts of one stream, as they are found. */
interface Found {
  tracked: TrackedStream | undefined;
  /** The pairs that live: two while a session moves, the later one last. */
  pairs: Pair[];
  /** The peers that are in no pair that lives. */
  peers: Peer[];
}

/** Returns the streams by id, the oldest first. Streams that are as before are the objects of `before`. */
export function listStreams(
  sources: StreamSources,
  before: ReadonlyMap<string, RoutedStream>,
): Map<string, RoutedStream> {
  const found = new Map<string, Found>();
  const at = (id: string): Found => {
    let one = found.get(id);
    if (one === undefined) {
      one = { tracked: undefined, pairs: [], peers: [] };
      found.set(id, one);
    }
    return one;
  };
  for (const tracked of sources.dialled) at(tracked.stream).tracked = tracked;
  const paired = new Set<Peer>();
  for (const pair of sources.pairs) {
    at(streamIdOf(pair.peers[0])).pairs.push(pair);
    for (const peer of pair.peers) paired.add(peer);
  }
  for (const peer of sources.peers) if (!paired.has(peer)) at(streamIdOf(peer)).peers.push(peer);
  const streams = new Map<string, RoutedStream>();
  for (const [id, parts] of found) {
    const stream = streamOf(id, parts, sources);
    const known = before.get(id);
    streams.set(id, known !== undefined && isSame(known, stream) ? known : stream);
  }
  return streams;
}

function streamOf(id: string, { tracked, pairs, peers }: Found, sources: StreamSources): RoutedStream {
  const pair = pairs.at(-1);
  const dialler = pair?.dialler ?? peers.find(({ role }) => role !== "listen");
  const listener = pair?.listener ?? peers.find((peer) => peer !== dialler && peer.role !== "dial");
  const parties = tracked ?? dialler?.dialled ?? listener?.dialled;
  const startedAtMs =
    parties?.startedAtMs ?? pair?.startedAtMs ?? dialler?.lastFrameAtMs ?? listener?.lastFrameAtMs ?? 0;
  const state = stateOf(tracked, pair, peers);
  const carried = (which: "dialler" | "listener"): number =>
    pairs.reduce((sum, each) => sum + each[which].bytes, 0) +
    (pair === undefined ? bytesOf(which === "dialler" ? dialler : listener) : 0);
  const attempts = Math.max(tracked?.attempts ?? 0, pairs.length);
  return {
    id,
    name: parties?.name ?? "",
    dialler: partyOf(parties?.dialler, dialler),
    listener: partyOf(parties?.listener, listener),
    state,
    sinceUnixMs: sources.unixMs(startedAtMs),
    bytesToDialler: (tracked?.bytesToDialler ?? 0) + carried("listener"),
    bytesToListener: (tracked?.bytesToListener ?? 0) + carried("dialler"),
    attempts: state === "waiting" ? 0 : Math.max(attempts, 1),
    metadata: parties?.metadata ?? {},
    waits: waitsOf(state, pair, tracked?.withoutPairSinceMs ?? startedAtMs, sources),
  };
}

/** Returns the bytes of a peer whose pair is over, and not yet counted with its stream. */
function bytesOf(peer: Peer | undefined): number {
  return peer?.joined === true && peer.attempt === undefined ? peer.bytes : 0;
}

function stateOf(tracked: TrackedStream | undefined, pair: Pair | undefined, peers: readonly Peer[]): StreamState {
  if (pair !== undefined) {
    const ended = pair.peers.filter((peer) => peer.ended).length;
    return ended === 0 ? "live" : ended === 1 ? "half-closed" : "ending";
  }
  if (tracked !== undefined) return isDetached(tracked) ? "detached" : "waiting";
  return peers.some((peer) => peer.joined) ? "ending" : "waiting";
}

function partyOf(caller: Caller | undefined, peer: Peer | undefined): StreamParty {
  return {
    identity: (caller?.identity ?? "").slice(0, maxPartyChars),
    peer: (peer?.address ?? "").slice(0, maxPartyChars),
    tokenId: (caller?.tokenId ?? peer?.tokenId ?? "").slice(0, maxPartyChars),
    attached: peer !== undefined && !peer.gone,
    roundTripMs: 0,
  };
}

function waitsOf(
  state: StreamState,
  pair: Pair | undefined,
  withoutPairSinceMs: number,
  { unixMs, nowMs }: StreamSources,
): StreamWait[] {
  if (state === "ending") return [];
  if (pair === undefined) {
    const on = state === "detached" ? "peer-detached" : "not-attached";
    const wait = { on, sinceUnixMs: unixMs(withoutPairSinceMs), bufferedBytes: 0 } as const;
    return [
      { direction: "to-dialler", ...wait },
      { direction: "to-listener", ...wait },
    ];
  }
  const wait = (direction: StreamWait["direction"], from: Peer): StreamWait[] => {
    if (from.ended) return [];
    const { heldBytes: bufferedBytes, lastFrameAtMs, paced } = from;
    const isShort = nowMs - lastFrameAtMs < leastWaitMs;
    if (isShort && !paced) return [{ direction, on: "nobody", sinceUnixMs: 0, bufferedBytes: 0 }];
    const on = bufferedBytes === 0 ? "sender-idle" : paced ? "rate-limit" : "router-outgoing-window";
    return [{ direction, on, sinceUnixMs: unixMs(lastFrameAtMs), bufferedBytes }];
  };
  return [...wait("to-dialler", pair.listener), ...wait("to-listener", pair.dialler)];
}

function isSame(one: RoutedStream, other: RoutedStream): boolean {
  return (
    one.bytesToDialler === other.bytesToDialler &&
    one.bytesToListener === other.bytesToListener &&
    one.state === other.state &&
    one.attempts === other.attempts &&
    isSameParty(one.dialler, other.dialler) &&
    isSameParty(one.listener, other.listener) &&
    one.waits.length === other.waits.length &&
    one.waits.every((wait, index) => isSameWait(wait, other.waits[index] as StreamWait))
  );
}

function isSameParty(one: StreamParty, other: StreamParty): boolean {
  return one.peer === other.peer && one.attached === other.attached && one.tokenId === other.tokenId;
}

function isSameWait(one: StreamWait, other: StreamWait): boolean {
  return (
    one.direction === other.direction &&
    one.on === other.on &&
    one.sinceUnixMs === other.sinceUnixMs &&
    one.bufferedBytes === other.bufferedBytes
  );
}
