/**
 * What hostile peers send, as a catalogue: the tests send each attack to ours over a socket, the judge `attacks` to real processes.
 * It knows the protocol and the default limits, not how bytes travel or who the victim is.
 */
import type { HeaderField } from "../header-field.js";
import { Flag, type FrameFactory, FrameType, rawFrame, uint32 } from "./frames.js";

/** What an attacker has to work with. */
export interface AttackSetting {
  /** Of a connection whose handshake is done. At a client, stream 1 is open: its request is complete, its response is to come. */
  readonly peer: FrameFactory;
  /** Header fields of a request that a server neither reads nor answers for a long time. */
  readonly request: readonly HeaderField[];
}

export interface Attack {
  readonly title: string;
  /** What to send, piece by piece; made as it is sent. */
  readonly send: (setting: AttackSetting) => Iterable<Uint8Array>;
  /** The name of the code in the GOAWAY that ends the connection, or undefined where it must live on. */
  readonly goAway: string | undefined;
  /** What the GOAWAY says. */
  readonly why?: RegExp;
  /** The name of the code that streams are reset with, and how many of them. */
  readonly resets?: Readonly<Record<string, number>>;
  /** Bytes that a victim may rightly hold afterwards: what its streams' windows let in and nobody has read. */
  readonly mayHoldBytes?: number;
}

const endHeaders = Flag.END_HEADERS;
const endBoth = Flag.END_HEADERS | Flag.END_STREAM;
const response: readonly HeaderField[] = [{ name: ":status", value: "200" }];

/** `frame` for each of `count` new streams of a client. */
function* onNewStreams(count: number, frames: (streamId: number) => readonly Uint8Array[]): Generator<Uint8Array> {
  for (let index = 0; index < count; index++) yield* frames(1 + 2 * index);
}

function* times(count: number, frame: (index: number) => Uint8Array): Generator<Uint8Array> {
  for (let index = 0; index < count; index++) yield frame(index);
}

/** One large field put into the table, then referred to by one octet each time (CVE-2016-6581). */
function bomb(peer: FrameFactory, fields: readonly HeaderField[], references: number): Uint8Array {
  const valueBytes = 3_900;
  // Literal with incremental indexing, name "x", the value's length in three octets.
  const entry = [0x40, 1, 0x78, 0x7f, ((valueBytes - 127) & 0x7f) | 0x80, (valueBytes - 127) >>> 7];
  // The encoder does not know of the entry: nothing of its own may be in the table.
  const head = [...peer.block(fields.map((field) => ({ ...field, neverIndexed: true }))), ...entry];
  const bytes = new Uint8Array(head.length + valueBytes + references).fill(0x80 | 62);
  bytes.set(head);
  bytes.fill(0x62, head.length, head.length + valueBytes);
  return bytes;
}

type Flood = readonly [what: string, why: RegExp, frame: (setting: AttackSetting, index: number) => Uint8Array];

const carryNothing = /frames that carry nothing: more than 1000/;

/** Each frame, sent again and again on stream 1, which is open. */
const floods: readonly Flood[] = [
  ["PINGs (CVE-2019-9512)", /PING frames without traffic: more than 100/, ({ peer }) => peer.ping()],
  ["SETTINGS (CVE-2019-9515)", /SETTINGS frames without traffic: more than 100/, ({ peer }) => peer.settings([[4, 65_535]])],
  ["SETTINGS that move every window to and fro", /SETTINGS frames/, ({ peer }, index) => peer.settings([[4, index % 2]])],
  ["SETTINGS that empty and refill the header table", /SETTINGS frames/, ({ peer }, index) => peer.settings([[1, (index % 2) * 4_096]])],
  ["WINDOW_UPDATEs of the connection", carryNothing, ({ peer }) => peer.windowUpdate(0, 1)],
  ["WINDOW_UPDATEs of a stream", carryNothing, ({ peer }) => peer.windowUpdate(1, 1)],
  ["PRIORITY frames", carryNothing, () => rawFrame({ type: FrameType.PRIORITY, streamId: 1, payload: [...uint32(3), 1] })],
  ["PRIORITY frames on streams that never were", carryNothing, (_, index) => priority(1_001 + 2 * index)],
  ["frames of unknown type", carryNothing, () => rawFrame({ type: 0xad, payload: [1] })],
  ["frames of unknown type, 16 KiB each", carryNothing, () => rawFrame({ type: 0xad, streamId: 1, payload: new Uint8Array(16_384) })],
  ["answers to PINGs never sent", carryNothing, ({ peer }) => peer.ping([1, 2, 3, 4, 5, 6, 7, 8], Flag.ACK)],
  ["GOAWAYs", carryNothing, ({ peer }) => peer.goAway(1, 0)],
];

function priority(streamId: number): Uint8Array {
  return rawFrame({ type: FrameType.PRIORITY, streamId, payload: [...uint32(0), 1] });
}

const floodFrames = 1_300;

/** Rules that a peer can break on a stream so that we reset it (CVE-2025-8671), each on a stream of its own. */
const waysToForceResets: readonly (readonly [what: string, frames: (setting: AttackSetting, streamId: number) => Uint8Array[]])[] = [
  ["WINDOW_UPDATEs of 0", ({ peer }, streamId) => [peer.windowUpdate(streamId, 0)]],
  ["windows past 2^31-1", ({ peer }, streamId) => [peer.windowUpdate(streamId, 2 ** 31 - 1)]],
  ["second requests on a stream", ({ peer, request }, streamId) => [peer.headers(streamId, request)]],
  ["DATA after the end", ({ peer }, streamId) => [peer.data(streamId, [], Flag.END_STREAM), peer.data(streamId, [1])]],
  ["HEADERS after the end", ({ peer, request }, streamId) => [peer.data(streamId, [], Flag.END_STREAM), peer.headers(streamId, request)]],
  ["PRIORITY frames of a wrong length", (_, streamId) => [rawFrame({ type: FrameType.PRIORITY, streamId, payload: [1, 2, 3] })]],
  [
    "streams that depend on themselves",
    (_, streamId) => [rawFrame({ type: FrameType.PRIORITY, streamId, payload: [...uint32(streamId), 1] })],
  ],
  ["trailers that are malformed", ({ peer }, streamId) => [peer.headers(streamId, [{ name: "X", value: "1" }], endBoth)]],
];

/** Attacks of a client. */
export const attacksOnServers: readonly Attack[] = [
  ...floods.map(
    ([what, why, frame]): Attack => ({
      title: `a flood of ${what}`,
      *send(setting) {
        yield setting.peer.headers(1, setting.request);
        yield* times(floodFrames, (index) => frame(setting, index));
      },
      goAway: "ENHANCE_YOUR_CALM",
      why,
    }),
  ),
  {
    title: "a flood of empty DATA (CVE-2019-9518)",
    *send({ peer, request }) {
      yield peer.headers(1, request);
      yield* times(floodFrames, () => peer.data(1, []));
    },
    goAway: "ENHANCE_YOUR_CALM",
    why: carryNothing,
  },
  {
    title: "a flood of DATA that is padding alone",
    *send({ peer, request }) {
      yield peer.headers(1, request);
      yield* times(floodFrames, () => peer.data(1, [3, 0, 0, 0], Flag.PADDED));
    },
    goAway: "ENHANCE_YOUR_CALM",
    why: carryNothing,
  },
  {
    title: "a flood of RST_STREAM on a stream that is gone",
    *send({ peer, request }) {
      yield peer.headers(1, request);
      yield* times(floodFrames, () => peer.rstStream(1, 8));
    },
    goAway: "ENHANCE_YOUR_CALM",
    why: carryNothing,
  },
  {
    title: "a flood of DATA on a stream that its sender has reset",
    *send({ peer, request }) {
      yield peer.headers(1, request);
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
        yield* onNewStreams(130, (streamId) => [setting.peer.headers(streamId, setting.request), ...frames(setting, streamId)]);
      },
      goAway: "ENHANCE_YOUR_CALM",
      why: /streams reset for protocol errors: more than 100/,
    }),
  ),
  {
    title: "resets that we are made to send by DATA past a stream's window (CVE-2025-8671)",
    *send({ peer, request }) {
      yield* onNewStreams(130, (streamId) => [
        peer.headers(streamId, request),
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
    title: "requests past the limit of streams, 3,000 of them",
    *send({ peer, request }) {
      yield* onNewStreams(3_000, (streamId) => [peer.headers(streamId, request)]);
    },
    goAway: undefined,
  },
  {
    title: "20 header lists that are too large",
    *send({ peer, request }) {
      const value = "v".repeat(17_000);
      yield* onNewStreams(20, (streamId) => [peer.headers(streamId, [...request, { name: `x-${streamId}`, value }], endBoth)]);
    },
    goAway: undefined,
    resets: { ENHANCE_YOUR_CALM: 20 },
  },
  {
    title: "20 header lists of one-octet references to a large field (CVE-2016-6581)",
    *send({ peer, request }) {
      yield* onNewStreams(20, (streamId) => [
        rawFrame({ type: FrameType.HEADERS, flags: endBoth, streamId, payload: bomb(peer, request, 12_000) }),
      ]);
    },
    goAway: undefined,
    resets: { ENHANCE_YOUR_CALM: 20 },
  },
  {
    title: "a header section in empty CONTINUATION frames",
    *send({ peer, request }) {
      yield peer.headers(1, request, 0);
      yield* times(20_000, () => peer.continuation(1, new Uint8Array(0)));
    },
    goAway: "ENHANCE_YOUR_CALM",
    why: /header section of more than maxContinuationFrames \(16\)/,
  },
  {
    title: "a header section that goes on and on (CVE-2024-27316)",
    *send({ peer, request }) {
      yield peer.headers(1, request, 0);
      yield* times(2_000, () => peer.continuation(1, new Uint8Array(1_000)));
    },
    goAway: "ENHANCE_YOUR_CALM",
    why: /header section of more than maxContinuationFrames \(16\)/,
  },
  {
    title: "a header section of more than four times the limit",
    *send({ peer, request }) {
      yield peer.headers(1, request, 0);
      yield* times(100, () => peer.continuation(1, new Uint8Array(16_384)));
    },
    goAway: "ENHANCE_YOUR_CALM",
    why: /encoded header section of \d+ bytes is larger than the limit \(65536\)/,
  },
  {
    title: "a header section of 16,000 changes of the table's size",
    *send() {
      yield rawFrame({ type: FrameType.HEADERS, flags: endBoth, streamId: 1, payload: new Uint8Array(16_000).fill(0x20) });
    },
    goAway: undefined,
    resets: { PROTOCOL_ERROR: 1 },
  },
  {
    title: "a header block with an integer that never ends",
    *send() {
      yield rawFrame({ type: FrameType.HEADERS, flags: endBoth, streamId: 1, payload: new Uint8Array(16_000).fill(0xff) });
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
      yield peer.headers(1, request);
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
      yield peer.headers(1, request);
      yield rawFrame({ type: FrameType.PUSH_PROMISE, flags: endHeaders, streamId: 1, payload: [...uint32(2), ...peer.block(request)] });
    },
    goAway: "PROTOCOL_ERROR",
  },
];

/** Attacks of a server, on a client that has opened stream 1. */
export const attacksOnClients: readonly Attack[] = [
  ...floods.map(
    ([what, why, frame]): Attack => ({
      title: `a flood of ${what}`,
      *send(setting) {
        yield* times(floodFrames, (index) => frame(setting, index));
      },
      goAway: "ENHANCE_YOUR_CALM",
      why,
    }),
  ),
  {
    title: "a flood of empty DATA (CVE-2019-9518)",
    *send({ peer }) {
      yield peer.headers(1, response);
      yield* times(floodFrames, () => peer.data(1, []));
    },
    goAway: "ENHANCE_YOUR_CALM",
    why: carryNothing,
  },
  {
    title: "a flood of informational responses",
    *send({ peer }) {
      yield* times(floodFrames, () => peer.headers(1, [{ name: ":status", value: "103" }]));
    },
    goAway: "ENHANCE_YOUR_CALM",
    why: carryNothing,
  },
  {
    title: "a flood of RST_STREAM on a stream that is gone",
    *send({ peer }) {
      yield* times(floodFrames, () => peer.rstStream(1, 8));
    },
    goAway: "ENHANCE_YOUR_CALM",
    why: carryNothing,
  },
  {
    title: "a header list that is too large",
    *send({ peer }) {
      yield peer.headers(1, response);
      yield* largeTrailers(peer);
    },
    goAway: undefined,
    resets: { ENHANCE_YOUR_CALM: 1 },
  },
  {
    title: "a header list of one-octet references to a large field (CVE-2016-6581)",
    *send({ peer }) {
      yield rawFrame({ type: FrameType.HEADERS, flags: endHeaders, streamId: 1, payload: bomb(peer, response, 12_000) });
    },
    goAway: undefined,
    resets: { ENHANCE_YOUR_CALM: 1 },
  },
  {
    title: "trailers of one-octet references to a large field",
    *send({ peer }) {
      yield peer.headers(1, response);
      yield rawFrame({ type: FrameType.HEADERS, flags: endBoth, streamId: 1, payload: bomb(peer, [], 12_000) });
    },
    goAway: undefined,
    resets: { ENHANCE_YOUR_CALM: 1 },
  },
  {
    title: "a header section in empty CONTINUATION frames",
    *send({ peer }) {
      yield peer.headers(1, response, 0);
      yield* times(20_000, () => peer.continuation(1, new Uint8Array(0)));
    },
    goAway: "ENHANCE_YOUR_CALM",
    why: /header section of more than maxContinuationFrames \(16\)/,
  },
  {
    title: "a pushed stream",
    *send({ peer, request }) {
      yield rawFrame({ type: FrameType.PUSH_PROMISE, flags: endHeaders, streamId: 1, payload: [...uint32(2), ...peer.block(request)] });
    },
    goAway: "PROTOCOL_ERROR",
  },
  {
    title: "a stream that the server opens itself",
    *send({ peer }) {
      yield peer.headers(2, response);
    },
    goAway: "PROTOCOL_ERROR",
  },
  {
    title: "an answer to what was never asked",
    *send({ peer }) {
      yield peer.headers(99, response);
    },
    goAway: "PROTOCOL_ERROR",
  },
  {
    title: "DATA before the response",
    *send({ peer }) {
      yield peer.data(1, [1]);
    },
    goAway: undefined,
    resets: { PROTOCOL_ERROR: 1 },
  },
  {
    title: "DATA after the end",
    *send({ peer }) {
      yield peer.headers(1, response, endBoth);
      yield peer.data(1, [1]);
    },
    goAway: undefined,
    resets: { STREAM_CLOSED: 1 },
  },
  {
    title: "DATA past a stream's window",
    *send({ peer }) {
      yield peer.headers(1, response);
      yield* times(5, () => peer.data(1, new Uint8Array(16_384)));
    },
    goAway: undefined,
    resets: { FLOW_CONTROL_ERROR: 1 },
  },
  {
    title: "a window of the connection past 2^31-1",
    *send({ peer }) {
      yield peer.windowUpdate(0, 2 ** 31 - 1);
    },
    goAway: "FLOW_CONTROL_ERROR",
  },
  {
    title: "a window of a stream past 2^31-1",
    *send({ peer }) {
      yield peer.windowUpdate(1, 2 ** 31 - 1);
    },
    goAway: undefined,
    resets: { FLOW_CONTROL_ERROR: 1 },
  },
  {
    title: "GOAWAYs whose last stream goes up",
    *send({ peer }) {
      yield peer.goAway(1, 0);
      yield peer.goAway(3, 0);
    },
    goAway: "PROTOCOL_ERROR",
  },
  {
    title: "a GOAWAY that names a stream never opened",
    *send({ peer }) {
      yield peer.goAway(2 ** 31 - 1, 0);
    },
    goAway: undefined,
    resets: {},
  },
  ...Object.entries(FrameType).map(
    ([name, type]): Attack => ({
      title: `a frame of type ${name} and 16 MiB`,
      *send() {
        yield rawFrame({ type, streamId: 1, length: 2 ** 24 - 1 });
      },
      goAway: "FRAME_SIZE_ERROR",
    }),
  ),
];

/** 70,000 bytes in five frames. */
function* largeTrailers(peer: FrameFactory): Generator<Uint8Array> {
  const block = peer.block([{ name: "x-large", value: "\u0001".repeat(70_000) }]);
  const size = 16_384;
  yield rawFrame({ type: FrameType.HEADERS, flags: Flag.END_STREAM, streamId: 1, payload: block.subarray(0, size) });
  for (let at = size; at < block.length; at += size) {
    yield peer.continuation(1, block.subarray(at, at + size), at + size >= block.length ? endHeaders : 0);
  }
}
