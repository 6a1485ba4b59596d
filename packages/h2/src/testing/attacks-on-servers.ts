/** Attacks of a client. */
import {
  type Attack,
  type AttackSetting,
  bomb,
  carryNothing,
  endBoth,
  endHeaders,
  floodAttacks,
  floodFrames,
  times,
} from "./attack.js";
import { Flag, FrameType, rawFrame, uint32 } from "./frames.js";

/** `frame` for each of `count` new streams of a client. */
function* onNewStreams(count: number, frames: (streamId: number) => readonly Uint8Array[]): Generator<Uint8Array> {
  for (let index = 0; index < count; index++) yield* frames(1 + 2 * index);
}

/** Rules that a peer can break on a stream so that we reset it (CVE-2025-8671), each on a stream of its own. */
const waysToForceResets: readonly (readonly [
  what: string,
  frames: (setting: AttackSetting, streamId: number) => Uint8Array[],
])[] = [
  ["WINDOW_UPDATEs of 0", ({ peer }, streamId) => [peer.windowUpdate(streamId, 0)]],
  ["windows past 2^31-1", ({ peer }, streamId) => [peer.windowUpdate(streamId, 2 ** 31 - 1)]],
  ["second requests on a stream", ({ peer, request }, streamId) => [peer.headers(streamId, request())]],
  ["DATA after the end", ({ peer }, streamId) => [peer.data(streamId, [], Flag.END_STREAM), peer.data(streamId, [1])]],
  [
    "HEADERS after the end",
    ({ peer, request }, streamId) => [peer.data(streamId, [], Flag.END_STREAM), peer.headers(streamId, request())],
  ],
  [
    "PRIORITY frames of a wrong length",
    (_, streamId) => [rawFrame({ type: FrameType.PRIORITY, streamId, payload: [1, 2, 3] })],
  ],
  [
    "streams that depend on themselves",
    (_, streamId) => [rawFrame({ type: FrameType.PRIORITY, streamId, payload: [...uint32(streamId), 1] })],
  ],
  [
    "trailers that are malformed",
    ({ peer }, streamId) => [peer.headers(streamId, [{ name: "X", value: "1" }], endBoth)],
  ],
];

/** Each is sent on a connection whose handshake is done. */
export const attacksOnServers: readonly Attack[] = [
  ...floodAttacks(({ peer, request }) => [peer.headers(1, request())]),
  {
    title: "SETTINGS that move the windows of 200 streams to and fro between tiny requests",
    *send({ peer, request }) {
      yield* times(200, (index) => peer.headers(1 + 2 * index, request()));
      for (let round = 0; round < 10; round++) {
        yield* times(90, (index) => peer.settings([[4, index % 2 === 0 ? 0 : 65_535]]));
        yield peer.headers(401 + 2 * round, request(), endBoth);
      }
    },
    goAway: "ENHANCE_YOUR_CALM",
    why: /SETTINGS frames without traffic: more than 100/,
  },
  {
    title: "messages of 4 MB on 200 streams, of which as much comes as their windows let through",
    *send({ peer, request }) {
      // The prefix of a gRPC message; to others they are bytes like all.
      const first = new Uint8Array(16_384);
      first.set([0, 0, 0x3d, 0x09, 0x00]);
      yield* onNewStreams(200, (streamId) => [
        peer.headers(streamId, request()),
        peer.data(streamId, first),
        ...times(3, () => peer.data(streamId, new Uint8Array(16_384))),
      ]);
    },
    goAway: undefined,
    mayHoldBytes: 200 * 65_536,
  },
  {
    title: "a flood of empty DATA (CVE-2019-9518)",
    *send({ peer, request }) {
      yield peer.headers(1, request());
      yield* times(floodFrames, () => peer.data(1, []));
    },
    goAway: "ENHANCE_YOUR_CALM",
    why: carryNothing,
  },
  {
    title: "a flood of empty DATA on a stream that was refused",
    *send({ peer, request }) {
      const tooLarge = { name: "x-large", value: "v".repeat(17_000) };
      // It is reset; what is on its way to it is free up to its window.
      yield peer.headers(1, [...request(), tooLarge]);
      yield* times(floodFrames, () => peer.data(1, []));
    },
    goAway: "ENHANCE_YOUR_CALM",
    why: carryNothing,
  },
  {
    title: "a flood of DATA that is padding alone",
    *send({ peer, request }) {
      yield peer.headers(1, request());
      yield* times(floodFrames, () => peer.data(1, [3, 0, 0, 0], Flag.PADDED));
    },
    goAway: "ENHANCE_YOUR_CALM",
    why: carryNothing,
  },
  {
    title: "a flood of RST_STREAM on a stream that is gone",
    *send({ peer, request }) {
      yield peer.headers(1, request());
      yield* times(floodFrames, () => peer.rstStream(1, 8));
    },
    goAway: "ENHANCE_YOUR_CALM",
    why: carryNothing,
  },
  {
    title: "a flood of DATA on a stream that its sender has reset",
    *send({ peer, request }) {
      yield peer.headers(1, request());
      yield peer.rstStream(1, 8);
      yield* times(floodFrames, () => peer.data(1, [1]));
    },
    goAway: "ENHANCE_YOUR_CALM",
    why: carryNothing,
  },
  ...waysToForceResets.map(
    ([what, frames]): Attack => ({
      title: `resets that we are made to send by ${what} (CVE-2025-8671)`,
      *send(setting) {
        yield* onNewStreams(130, (streamId) => [
          setting.peer.headers(streamId, setting.request()),
          ...frames(setting, streamId),
        ]);
      },
      goAway: "ENHANCE_YOUR_CALM",
      why: /streams reset for protocol errors: more than 100/,
    }),
  ),
  {
    title: "resets that we are made to send by DATA past a stream's window (CVE-2025-8671)",
    *send({ peer, request }) {
      yield* onNewStreams(130, (streamId) => [
        peer.headers(streamId, request()),
        ...times(5, () => peer.data(streamId, new Uint8Array(16_384))),
      ]);
    },
    goAway: "ENHANCE_YOUR_CALM",
    why: /streams reset for protocol errors: more than 100/,
    mayHoldBytes: 130 * 65_536,
  },
  {
    title: "resets that we are made to send by malformed requests (CVE-2025-8671)",
    *send({ peer }) {
      yield* onNewStreams(200, (streamId) => [peer.headers(streamId, [{ name: "X", value: "" }], endBoth)]);
    },
    goAway: "ENHANCE_YOUR_CALM",
    why: /streams reset for protocol errors: more than 100/,
    resets: { PROTOCOL_ERROR: 100 },
  },
  {
    title: "requests whose host field differs from :authority, or comes twice",
    *send({ peer, request }) {
      const hosts = [["elsewhere.test"], ["twice.test", "twice.test"]];
      yield* onNewStreams(200, (streamId) => {
        const values = hosts[(streamId >>> 1) % 2] as string[];
        return [peer.headers(streamId, [...request(), ...values.map((value) => ({ name: "host", value }))], endBoth)];
      });
    },
    goAway: "ENHANCE_YOUR_CALM",
    why: /streams reset for protocol errors: more than 100/,
    resets: { PROTOCOL_ERROR: 100 },
  },
  {
    title: "rapid reset (CVE-2023-44487)",
    *send({ peer, request }) {
      yield* onNewStreams(6_000, (streamId) => [
        peer.headers(streamId, request(), endBoth),
        peer.rstStream(streamId, 8),
      ]);
    },
    goAway: "ENHANCE_YOUR_CALM",
  },
  {
    title: "requests past the limit of streams, 3,000 of them",
    *send({ peer, request }) {
      yield* onNewStreams(3_000, (streamId) => [peer.headers(streamId, request())]);
    },
    goAway: undefined,
  },
  {
    title: "20 header lists that are too large",
    *send({ peer, request }) {
      const value = "v".repeat(17_000);
      yield* onNewStreams(20, (streamId) => [
        peer.headers(streamId, [...request(), { name: `x-${streamId}`, value }], endBoth),
      ]);
    },
    goAway: undefined,
    resets: { ENHANCE_YOUR_CALM: 20 },
  },
  {
    title: "20 header lists of one-octet references to a large field (CVE-2016-6581)",
    *send({ peer, request }) {
      yield* onNewStreams(20, (streamId) => [
        rawFrame({ type: FrameType.HEADERS, flags: endBoth, streamId, payload: bomb(peer, request(), 12_000) }),
      ]);
    },
    goAway: undefined,
    resets: { ENHANCE_YOUR_CALM: 20 },
  },
  {
    title: "a header section in empty CONTINUATION frames",
    *send({ peer, request }) {
      yield peer.headers(1, request(), 0);
      yield* times(20_000, () => peer.continuation(1, new Uint8Array(0)));
    },
    goAway: "ENHANCE_YOUR_CALM",
    why: /header section of more than maxContinuationFrames \(16\)/,
  },
  {
    title: "a header section that goes on and on (CVE-2024-27316)",
    *send({ peer, request }) {
      yield peer.headers(1, request(), 0);
      yield* times(2_000, () => peer.continuation(1, new Uint8Array(1_000)));
    },
    goAway: "ENHANCE_YOUR_CALM",
    why: /header section of more than maxContinuationFrames \(16\)/,
  },
  {
    title: "a header section of more than four times the limit",
    *send({ peer, request }) {
      yield peer.headers(1, request(), 0);
      yield* times(100, () => peer.continuation(1, new Uint8Array(16_384)));
    },
    goAway: "ENHANCE_YOUR_CALM",
    why: /encoded header section of \d+ bytes is larger than the limit \(65536\)/,
  },
  {
    title: "a header section of 16,000 changes of the table's size",
    *send() {
      yield rawFrame({
        type: FrameType.HEADERS,
        flags: endBoth,
        streamId: 1,
        payload: new Uint8Array(16_000).fill(0x20),
      });
    },
    goAway: undefined,
    resets: { PROTOCOL_ERROR: 1 },
  },
  {
    title: "a header block with an integer that never ends",
    *send() {
      yield rawFrame({
        type: FrameType.HEADERS,
        flags: endBoth,
        streamId: 1,
        payload: new Uint8Array(16_000).fill(0xff),
      });
    },
    goAway: "COMPRESSION_ERROR",
  },
  {
    title: "SETTINGS with 33 entries",
    *send({ peer }) {
      yield peer.settings(Array.from({ length: 33 }, () => [6, 1] as const));
    },
    goAway: "ENHANCE_YOUR_CALM",
    why: /SETTINGS with 33 entries is larger than maxSettingsEntries \(32\)/,
  },
  {
    title: "a window of the connection past 2^31-1",
    *send({ peer }) {
      yield peer.windowUpdate(0, 2 ** 31 - 1);
    },
    goAway: "FLOW_CONTROL_ERROR",
  },
  {
    title: "SETTINGS that move a stream's window past 2^31-1",
    *send({ peer, request }) {
      yield peer.headers(1, request());
      yield peer.windowUpdate(1, 2 ** 31 - 1 - 65_535);
      yield peer.settings([[4, 65_536]]);
    },
    goAway: "FLOW_CONTROL_ERROR",
  },
  ...[...Object.entries(FrameType), ["unknown", 0xad] as const].map(
    ([name, type]): Attack => ({
      title: `a frame of type ${name} and 16 MiB`,
      *send() {
        yield rawFrame({ type, streamId: 1, length: 2 ** 24 - 1 });
      },
      goAway: "FRAME_SIZE_ERROR",
      why: /frame of 16777215 bytes is larger than maxFrameSize \(16384\)/,
    }),
  ),
  {
    title: "a pushed stream, by a client",
    *send({ peer, request }) {
      yield peer.headers(1, request());
      yield rawFrame({
        type: FrameType.PUSH_PROMISE,
        flags: endHeaders,
        streamId: 1,
        payload: [...uint32(2), ...peer.block(request())],
      });
    },
    goAway: "PROTOCOL_ERROR",
  },
];
