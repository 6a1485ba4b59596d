/** The messages of the admin service from the state of a router. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { WatchResponseSchema } from "../gen/trunkline/v1/admin_pb.js";
import type { RoutedStream, RouterName, RouterNumbers, RouterUpdate } from "./model.js";

export type WatchAnswer = MessageInitShape<typeof WatchResponseSchema>;

/** Returns the message for an update. */
export function encodeUpdate(update: RouterUpdate): WatchAnswer {
  const { atUnixMs, numbers, names, streams, events } = update;
  return {
    ...update,
    atUnixMs: BigInt(atUnixMs),
    numbers: encodeNumbers(numbers),
    names: names.map(encodeName),
    namesGone: [...update.namesGone],
    streams: streams.map(encodeStream),
    streamsGone: [...update.streamsGone],
    events: events.map((event) => ({ ...event, atUnixMs: BigInt(event.atUnixMs) })),
  };
}

function encodeNumbers(numbers: RouterNumbers): NonNullable<WatchAnswer["numbers"]> {
  return {
    ...numbers,
    bytesToDialler: BigInt(numbers.bytesToDialler),
    bytesToListener: BigInt(numbers.bytesToListener),
    streamsOpened: BigInt(numbers.streamsOpened),
    refused: BigInt(numbers.refused),
    resumed: BigInt(numbers.resumed),
    residentBytes: BigInt(numbers.residentBytes),
    heapBytes: BigInt(numbers.heapBytes),
    startedUnixMs: BigInt(numbers.startedUnixMs),
    limits: numbers.limits.map(({ name, used, limit }) => ({ name, used: BigInt(used), limit: BigInt(limit) })),
  };
}

function encodeName(name: RouterName): NonNullable<WatchAnswer["names"]>[number] {
  return { ...name, sinceUnixMs: BigInt(name.sinceUnixMs), streamsInAll: BigInt(name.streamsInAll) };
}

function encodeStream(stream: RoutedStream): NonNullable<WatchAnswer["streams"]>[number] {
  return {
    ...stream,
    sinceUnixMs: BigInt(stream.sinceUnixMs),
    bytesToDialler: BigInt(stream.bytesToDialler),
    bytesToListener: BigInt(stream.bytesToListener),
    waits: stream.waits.map((wait) => ({
      ...wait,
      sinceUnixMs: BigInt(wait.sinceUnixMs),
      bufferedBytes: BigInt(wait.bufferedBytes),
    })),
  };
}
