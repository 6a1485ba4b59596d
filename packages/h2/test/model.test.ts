/**
 * Two engines do at random what users do, over a link that cuts, delays and now and then breaks: on each stream every
 * byte comes once and in order, and an end is an end of everything; or the stream says that it broke. MODEL_RUNS sets
 * how often.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ErrorCode } from "../src/index.js";
import { Link } from "../src/testing/index.js";
import { ModelSide } from "./support/model-side.js";
import { Random } from "./support/random.js";

const runs = Number(process.env["MODEL_RUNS"] ?? 60);

type Operation =
  | { readonly kind: "open" }
  | {
      readonly kind: "send";
      readonly end: 0 | 1;
      readonly stream: number;
      readonly bytes: number;
      readonly last: boolean;
    }
  | { readonly kind: "read"; readonly end: 0 | 1; readonly stream: number; readonly bytes: number }
  | { readonly kind: "trailers" | "inform" | "reset" | "release"; readonly end: 0 | 1; readonly stream: number }
  | { readonly kind: "ping" | "goAway"; readonly end: 0 | 1 }
  | { readonly kind: "abort"; readonly end: 0 | 1 }
  | { readonly kind: "cut" }
  | { readonly kind: "pass"; readonly ms: number };

const end = fc.constantFrom<0 | 1>(0, 1);
const stream = fc.nat(11);
const onStream = (kind: "trailers" | "inform" | "reset" | "release") =>
  fc.record({ kind: fc.constant(kind), end, stream });
const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 120, arbitrary: fc.constant<Operation>({ kind: "open" }) },
  {
    weight: 320,
    arbitrary: fc.record({
      kind: fc.constant("send" as const),
      end,
      stream,
      bytes: fc.oneof(fc.nat(70_000), fc.nat(20)),
      last: fc.boolean(),
    }),
  },
  { weight: 240, arbitrary: fc.record({ kind: fc.constant("read" as const), end, stream, bytes: fc.nat(100_000) }) },
  ...(["trailers", "inform", "reset", "release"] as const).map((kind) => ({ weight: 40, arbitrary: onStream(kind) })),
  { weight: 40, arbitrary: fc.record({ kind: fc.constant("ping" as const), end }) },
  { weight: 240, arbitrary: fc.record({ kind: fc.constant("pass" as const), ms: fc.nat(60) }) },
  // What ends the connection is rare, or little would happen before it.
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("goAway" as const), end }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("abort" as const), end }) },
  { weight: 2, arbitrary: fc.constant<Operation>({ kind: "cut" }) },
);

interface Limits {
  readonly window: number;
  readonly budget: number;
  readonly streams: number;
  readonly tableSize: number;
}

class Model {
  readonly #sides: readonly [ModelSide, ModelSide];
  readonly #link: Link;
  readonly #ids: number[] = [];
  #pings = 0;
  /** The way a side has ended the connection: what goes on may break, and says so. */
  #ending: "orderly" | "abrupt" | undefined;

  constructor(seed: number, client: Limits, server: Limits) {
    const random = new Random(seed);
    const side = (index: 0 | 1, { window, budget, streams, tableSize }: Limits) =>
      new ModelSide(index, {
        settings: { initialWindowSize: window, maxConcurrentStreams: streams, headerTableSize: tableSize },
        limits: { maxBufferedBytesPerConnection: budget, streamSendHighWaterMark: 1 + random.below(100_000) },
      });
    this.#sides = [side(0, client), side(1, server)];
    this.#link = new Link(this.#sides[0].connection, this.#sides[1].connection, {
      delayMs: random.below(30),
      bytesPerMs: random.chance(0.5) ? 2_000 : Number.POSITIVE_INFINITY,
      nextPiece: () => 1 + random.below(random.chance(0.3) ? 20 : 20_000),
    });
  }

  do(step: Operation): void {
    const streamId = "stream" in step ? (this.#ids[step.stream % Math.max(1, this.#ids.length)] ?? 1) : 0;
    const side = this.#sides["end" in step ? step.end : 0];
    switch (step.kind) {
      case "open": {
        const id = this.#sides[0].open();
        if (id !== undefined) this.#ids.push(id);
        break;
      }
      case "send":
        side.send(streamId, step.bytes, step.last);
        break;
      case "read":
        side.read(streamId, step.bytes);
        break;
      case "trailers":
      case "inform":
      case "reset":
      case "release":
        side[step.kind](streamId);
        break;
      case "ping":
        if (this.#pings++ < 50) side.connection.ping(this.#link.nowMs);
        break;
      case "goAway":
        this.#ending ??= "orderly";
        side.connection.goAway(ErrorCode.NO_ERROR);
        break;
      case "abort":
        this.#ending = "abrupt";
        side.connection.goAway(ErrorCode.INTERNAL_ERROR, "the model wants it so");
        break;
      case "cut":
        this.#ending = "abrupt";
        this.#link.cut();
        for (const each of this.#sides) each.connection.transportClosed(new Error("the model has cut the link"));
        break;
      case "pass":
        this.#pass(this.#link.nowMs + step.ms);
    }
    this.#check();
  }

  /** Lets time pass; an end that is over closes its transport when its last words are out. */
  #pass(untilMs?: number): void {
    this.#link.run(untilMs);
    for (const side of this.#sides) {
      if (side.closed === undefined) continue;
      this.#link.run();
      (this.#sides[1 - side.end] as ModelSide).connection.transportClosed();
    }
  }

  #check(): void {
    expect(this.#sides.map(({ broken }) => broken)).toEqual([undefined, undefined]);
    for (const { closed } of this.#sides) {
      if (closed === undefined) continue;
      expect(this.#ending, `ended by itself: ${closed.error?.message}`).toBeDefined();
      if (this.#ending === "orderly" && closed.error !== undefined)
        expect(closed.error.message).toBe("connection lost");
    }
  }

  /** Lets both sides end and read everything; then each stream must be whole or broken, and nothing may be left. */
  settle(): void {
    // As long as bytes come: a window of 100 octets takes thousands of turns, a stream that stands still is found at
    // once.
    for (let last = -1, idle = 0; idle < 3; ) {
      this.#pass();
      for (const side of this.#sides) {
        for (const [streamId, half] of side.halves) {
          side.send(streamId, 0, true);
          side.read(streamId, half.unread);
        }
      }
      const received = this.#sides
        .flatMap(({ halves }) => [...halves.values()])
        .reduce((sum, half) => sum + half.received, 0);
      idle = received === last ? idle + 1 : 0;
      last = received;
    }
    this.#pass();
    this.#check();
    for (const side of this.#sides) this.#checkStreams(side, this.#sides[1 - side.end] as ModelSide);
    for (const side of this.#sides) for (const streamId of side.halves.keys()) side.release(streamId);
    this.#pass();
    // The second step of a graceful shutdown may wait for an answer that a client which is gone does not give.
    this.#pass(this.#link.nowMs + 60_000);
    this.#check();
    expect(this.#sides.map(({ connection }) => connection.activeStreams)).toEqual([0, 0]);
    if (this.#ending !== undefined) expect(this.#sides.map(({ closed }) => closed !== undefined)).toEqual([true, true]);
  }

  #checkStreams(side: ModelSide, other: ModelSide): void {
    for (const streamId of this.#ids) {
      const [half, peer] = [side.halves.get(streamId), other.halves.get(streamId)];
      if (half === undefined) continue;
      expect(side.settled(streamId), `stream ${streamId} has ended somehow`).toBe(true);
      if (half.ended) expect(half.received, `stream ${streamId} has ended whole`).toBe(peer?.sent);
      // What may be sent again must not have been seen.
      if (half.reset?.unprocessed) expect(peer, `stream ${streamId} is called unprocessed`).toBeUndefined();
    }
  }
}

const limits = fc.record({
  window: fc.constantFrom(100, 16_384, 65_536, 1_000_000),
  budget: fc.constantFrom(65_535, 200_000, 2 ** 25),
  streams: fc.constantFrom(1, 6, 256),
  tableSize: fc.constantFrom(0, 150, 4_096, 20_000),
});

describe("two engines under a model", () => {
  it("deliver every byte once and in order, or say that the stream broke", () => {
    fc.assert(
      fc.property(
        fc.array(operation, { maxLength: 120, size: "max" }),
        fc.integer(),
        limits,
        limits,
        (operations, seed, ofClient, ofServer) => {
          const model = new Model(seed, ofClient, ofServer);
          for (const step of operations) model.do(step);
          model.settle();
        },
      ),
      { numRuns: runs },
    );
  });
});
