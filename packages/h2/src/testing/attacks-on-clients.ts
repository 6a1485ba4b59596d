/** Attacks of a server. */
import {
  type Attack,
  bomb,
  carryNothing,
  endBoth,
  endHeaders,
  floodAttacks,
  floodFrames,
  response,
  times,
} from "./attack.js";
import { FrameType, rawFrame, uint32 } from "./frames.js";

/** Each is sent to a client whose handshake is done and that has opened stream 1. */
export const attacksOnClients: readonly Attack[] = [
  ...floodAttacks(() => []),
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
      yield* peer.sections(1, [{ name: "x-large", value: "v".repeat(70_000) }], endBoth);
    },
    goAway: undefined,
    resets: { ENHANCE_YOUR_CALM: 1 },
  },
  {
    title: "a header list of one-octet references to a large field (CVE-2016-6581)",
    *send({ peer }) {
      yield rawFrame({
        type: FrameType.HEADERS,
        flags: endHeaders,
        streamId: 1,
        payload: bomb(peer, response, 12_000),
      });
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
      yield rawFrame({
        type: FrameType.PUSH_PROMISE,
        flags: endHeaders,
        streamId: 1,
        payload: [...uint32(2), ...peer.block(request())],
      });
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
