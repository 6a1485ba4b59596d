/**
 * Two engines do at random what users do, over a link that cuts and delays at random: on each stream every byte comes once
 * and in order, and an end is an end of everything; or the stream says that it broke.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Connection, ErrorCode, type HeaderField, type StreamReset } from "../src/index.js";
import { Link } from "../src/testing/index.js";
import { request, response } from "./support/endpoint.js";
import { Random } from "./support/random.js";

const runs = Number(process.env["MODEL_RUNS"] ?? 60);

type Operation =
  | { readonly kind: "open" }
  | { readonly kind: "send"; readonly end: 0 | 1; readonly stream: number; readonly bytes: number; readonly last: boolean }
  | { readonly kind: "trailers"; readonly end: 0 | 1; readonly stream: number }
  | { readonly kind: "read"; readonly end: 0 | 1; readonly stream: number; readonly bytes: number }
  | { readonly kind: "reset"; readonly end: 0 | 1; readonly stream: number }
  | { readonly kind: "release"; readonly end: 0 | 1; readonly stream: number }
  | { readonly kind: "ping"; readonly end: 0 | 1 }
  | { readonly kind: "pass"; readonly ms: number };

const end = fc.constantFrom<0 | 1>(0, 1);
const stream = fc.nat(11);
const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 3, arbitrary: fc.constant<Operation>({ kind: "open" }) },
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant("send" as const), end, stream, bytes: fc.nat(70_000), last: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("trailers" as const), end, stream }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("read" as const), end, stream, bytes: fc.nat(100_000) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("reset" as const), end, stream }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("release" as const), end, stream }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("ping" as const), end }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("pass" as const), ms: fc.nat(60) }) },
);

/** The octet at `offset` of what `end` sends on `streamId`. */
const octet = (end: number, streamId: number, offset: number): number =>
  (offset * 131 + (offset >>> 8) * 17 + streamId * 7 + end * 91) & 0xff;

interface Half {
  sent: number;
  sentEnd: boolean;
  sentHeaders: boolean;
  received: number;
  unread: number;
  ended: boolean;
  reset: StreamReset | undefined;
  resetByUs: boolean;
  released: boolean;
}

class Side {
  readonly end: 0 | 1;
  readonly connection: Connection<Half>;
  readonly halves: Map<number, Half> = new Map();
  broken: string | undefined;
  pongs = 0;

  constructor(end: 0 | 1, settings: { initialWindowSize: number; maxConcurrentStreams: number }, budget: number) {
    this.end = end;
    const options = { role: end === 0 ? "client" : "server", settings, limits: { maxBufferedBytesPerConnection: budget } } as const;
    this.connection = new Connection<Half>(options, {
      onHeaders: (streamId: number, _fields: readonly HeaderField[], endStream: boolean, context: Half | undefined) => {
        const half = context ?? this.begin(streamId);
        if (context === undefined) this.connection.setContext(streamId, half);
        if (endStream) this.#finish(half);
      },
      onData: (streamId: number, data: Uint8Array, endStream: boolean, half: Half) => {
        this.#check(!half.released && !half.ended, `data on stream ${streamId} after its end`);
        for (const value of data) {
          if (value !== octet(1 - this.end, streamId, half.received))
            this.#check(false, `wrong octet ${half.received} on stream ${streamId}`);
          half.received += 1;
        }
        half.unread += data.length;
        if (endStream) this.#finish(half);
      },
      onTrailers: (streamId: number, _fields: readonly HeaderField[], half: Half) => {
        this.#check(!half.released, `trailers on released stream ${streamId}`);
        this.#finish(half);
      },
      onReset: (streamId: number, reset: StreamReset, half: Half) => {
        this.#check(!half.released && half.reset === undefined && !half.resetByUs, `reset of stream ${streamId} that is gone`);
        half.reset = reset;
      },
      onWritable: () => {},
      onPong: () => {
        this.pongs += 1;
      },
      onClose: (error) => {
        this.broken ??= `closed: ${error?.message}`;
      },
    });
  }

  begin(streamId: number): Half {
    const half: Half = {
      sent: 0,
      sentEnd: false,
      sentHeaders: this.end === 0,
      received: 0,
      unread: 0,
      ended: false,
      reset: undefined,
      resetByUs: false,
      released: false,
    };
    this.halves.set(streamId, half);
    return half;
  }

  send(streamId: number, bytes: number, last: boolean): void {
    const half = this.#sendable(streamId);
    if (half === undefined) return;
    const chunk = Uint8Array.from({ length: bytes }, (_, index) => octet(this.end, streamId, half.sent + index));
    half.sent += bytes;
    half.sentEnd = last;
    const cut = bytes >>> 1;
    this.connection.sendData(streamId, [chunk.subarray(0, cut), chunk.subarray(cut)], { endStream: last });
  }

  trailers(streamId: number): void {
    const half = this.#sendable(streamId);
    if (half === undefined) return;
    half.sentEnd = true;
    this.connection.sendHeaders(streamId, [{ name: "x-end", value: "1" }], { endStream: true });
  }

  read(streamId: number, bytes: number): void {
    const half = this.halves.get(streamId);
    if (half === undefined) return;
    const count = Math.min(bytes, half.unread);
    half.unread -= count;
    this.connection.acknowledge(streamId, count);
  }

  reset(streamId: number): void {
    const half = this.halves.get(streamId);
    if (half === undefined || half.reset !== undefined || half.released) return;
    half.resetByUs = true;
    this.connection.reset(streamId, ErrorCode.CANCEL);
  }

  release(streamId: number): void {
    const half = this.halves.get(streamId);
    if (half === undefined) return;
    half.released = true;
    this.connection.release(streamId);
  }

  #sendable(streamId: number): Half | undefined {
    const half = this.halves.get(streamId);
    if (half === undefined || half.sentEnd || half.released || half.reset !== undefined || half.resetByUs) return undefined;
    if (!half.sentHeaders) {
      half.sentHeaders = true;
      this.connection.sendHeaders(streamId, response, { endStream: false });
    }
    return half;
  }

  #finish(half: Half): void {
    this.#check(!half.ended, "an end after the end");
    half.ended = true;
  }

  #check(isSo: boolean, message: string): void {
    if (!isSo) this.broken ??= message;
  }
}

function play(operations: readonly Operation[], seed: number, window: number, budget: number): void {
  const random = new Random(seed);
  const settings = { initialWindowSize: window, maxConcurrentStreams: 6 };
  const client = new Side(0, settings, budget);
  const server = new Side(1, settings, budget);
  const sides = [client, server] as const;
  const link = new Link(client.connection, server.connection, {
    delayMs: random.below(30),
    bytesPerMs: random.chance(0.5) ? 2_000 : Number.POSITIVE_INFINITY,
    nextPiece: () => 1 + random.below(random.chance(0.3) ? 20 : 20_000),
  });
  const ids: number[] = [];
  let pings = 0;
  for (const step of operations) {
    const streamId = "stream" in step ? (ids[step.stream % Math.max(1, ids.length)] ?? 1) : 0;
    const side = "end" in step ? sides[step.end] : client;
    switch (step.kind) {
      case "open": {
        const draft = { sent: 0 } as Half;
        const id = client.connection.openStream(draft);
        if (id === undefined) break;
        const half = client.begin(id);
        client.halves.set(id, Object.assign(draft, half));
        client.connection.sendHeaders(id, request, { endStream: false });
        ids.push(id);
        break;
      }
      case "send":
        side.send(streamId, step.bytes, step.last);
        break;
      case "trailers":
        side.trailers(streamId);
        break;
      case "read":
        side.read(streamId, step.bytes);
        break;
      case "reset":
        side.reset(streamId);
        break;
      case "release":
        side.release(streamId);
        break;
      case "ping":
        if (pings < 50) side.connection.ping(link.nowMs);
        pings += 1;
        break;
      case "pass":
        link.run(link.nowMs + step.ms);
    }
    expect([client.broken, server.broken]).toEqual([undefined, undefined]);
  }
  settle(sides, link, ids);
}

/** Everybody ends and reads everything; then each stream must be whole or broken, and nothing may be left. */
function settle(sides: readonly [Side, Side], link: Link, ids: readonly number[]): void {
  // As long as bytes come: a window of 100 octets takes thousands of turns, a stream that stands still is found at once.
  for (let last = -1, idle = 0; idle < 3; ) {
    link.run();
    for (const side of sides) {
      for (const [streamId, half] of side.halves) {
        side.send(streamId, 0, true);
        side.read(streamId, half.unread);
      }
    }
    const received = sides.flatMap(({ halves }) => [...halves.values()]).reduce((sum, half) => sum + half.received, 0);
    idle = received === last ? idle + 1 : 0;
    last = received;
  }
  link.run();
  for (const side of sides) {
    const other = sides[1 - side.end] as Side;
    expect(side.broken).toBeUndefined();
    for (const streamId of ids) {
      const [half, peer] = [side.halves.get(streamId), other.halves.get(streamId)];
      if (half === undefined || peer === undefined) continue;
      if (half.ended) expect(half.received, `stream ${streamId} has ended whole`).toBe(peer.sent);
      else expect(half.released || half.resetByUs || half.reset !== undefined, `stream ${streamId} has ended somehow`).toBe(true);
    }
    for (const streamId of side.halves.keys()) side.release(streamId);
  }
  link.run();
  expect(sides.map(({ connection }) => connection.activeStreams)).toEqual([0, 0]);
}

describe("two engines under a model", () => {
  it("deliver every byte once and in order, or say that the stream broke", () => {
    const windows = fc.constantFrom(1, 100, 16_384, 65_536, 1_000_000);
    const budgets = fc.constantFrom(65_535, 200_000, 2 ** 25);
    fc.assert(
      fc.property(
        fc.array(operation, { maxLength: 120, size: "max" }),
        fc.integer(),
        windows,
        budgets,
        (operations, seed, window, budget) => {
          play(operations, seed, window === 1 ? 100 : window, budget);
        },
      ),
      { numRuns: runs },
    );
  });
});
