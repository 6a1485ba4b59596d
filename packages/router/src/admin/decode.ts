/** The state of a router from the messages of the admin service. A later router may have words that are new here. */
import type { Name, RouterNumbers as Numbers, Party, Stream, WatchResponse } from "../gen/trunkline/v1/admin_pb.js";
import type { RoutedStream, RouterName, RouterNumbers, RouterUpdate, StreamParty, StreamWait } from "./model.js";

/** Returns the update in a message. */
export function decodeUpdate(message: WatchResponse): RouterUpdate {
  const { snapshot, atUnixMs, numbers, names, namesGone, streams, streamsGone, streamsLeftOut, events } = message;
  return {
    snapshot,
    atUnixMs: Number(atUnixMs),
    numbers: numbersOf(numbers),
    names: names.map(nameOf),
    namesGone,
    streams: streams.map(streamOf),
    streamsGone,
    streamsLeftOut,
    events: events.map(({ atUnixMs: at, name, streamId, text, fields }) => {
      return { atUnixMs: Number(at), name, streamId, text, fields };
    }),
  };
}

function numbersOf(numbers: Numbers | undefined): RouterNumbers {
  return {
    bytesToDialler: Number(numbers?.bytesToDialler ?? 0),
    bytesToListener: Number(numbers?.bytesToListener ?? 0),
    liveStreams: numbers?.liveStreams ?? 0,
    waitingStreams: numbers?.waitingStreams ?? 0,
    detachedSessions: numbers?.detachedSessions ?? 0,
    listeners: numbers?.listeners ?? 0,
    streamsOpened: Number(numbers?.streamsOpened ?? 0),
    refused: Number(numbers?.refused ?? 0),
    resumed: Number(numbers?.resumed ?? 0),
    connections: numbers?.connections ?? 0,
    eventLoopDelayMs: numbers?.eventLoopDelayMs ?? 0,
    residentBytes: Number(numbers?.residentBytes ?? 0),
    heapBytes: Number(numbers?.heapBytes ?? 0),
    state: numbers?.state === "draining" ? "draining" : "serving",
    startedUnixMs: Number(numbers?.startedUnixMs ?? 0),
    version: numbers?.version ?? "",
    limits: (numbers?.limits ?? []).map(({ name, used, limit }) => {
      return { name, used: Number(used), limit: Number(limit) };
    }),
  };
}

function nameOf(given: Name): RouterName {
  const { key, name, identity, listenerId, peer, sinceUnixMs, metadata, problem, streams, streamsInAll } = given;
  const times = { sinceUnixMs: Number(sinceUnixMs), streamsInAll: Number(streamsInAll) };
  return { key, name, identity, listenerId, peer, metadata, problem, streams, ...times };
}

function streamOf(given: Stream): RoutedStream {
  const { id, name, state, attempts, metadata } = given;
  return {
    id,
    name,
    dialler: partyOf(given.dialler),
    listener: partyOf(given.listener),
    state: state as RoutedStream["state"],
    sinceUnixMs: Number(given.sinceUnixMs),
    bytesToDialler: Number(given.bytesToDialler),
    bytesToListener: Number(given.bytesToListener),
    attempts,
    metadata,
    waits: given.waits.map(({ direction, on, sinceUnixMs, bufferedBytes }) => ({
      direction: direction as StreamWait["direction"],
      on: on as StreamWait["on"],
      sinceUnixMs: Number(sinceUnixMs),
      bufferedBytes: Number(bufferedBytes),
    })),
  };
}

function partyOf(given: Party | undefined): StreamParty {
  const { identity = "", peer = "", tokenId = "", attached = false, roundTripMs = 0 } = given ?? {};
  return { identity, peer, tokenId, attached, roundTripMs };
}
