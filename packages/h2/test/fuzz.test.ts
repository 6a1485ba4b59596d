/**
 * Hostile and broken input into both roles: whatever comes, `receive` returns, the same bytes make the same calls however
 * they are cut, and what was lent is given back. FUZZ_SEED repeats one run; FUZZ_MS sets how long each goes on.
 */
import { describe, expect, it } from "vitest";
import { Connection, ErrorCode, type HeaderField, type StreamReset } from "../src/index.js";
import { concatenated, FrameType, parseFrames, RecordingHandler } from "../src/testing/index.js";
import { request, response } from "./support/endpoint.js";
import { frameSequence } from "./support/grammar.js";
import { Random } from "./support/random.js";

const budgetMs = Number(process.env["FUZZ_MS"] ?? 150);
const onlySeed = process.env["FUZZ_SEED"];
const opened = 8;

/** An application that does, at random but repeatably, what applications do. */
class RandomApplication extends RecordingHandler {
  connection!: Connection<unknown>;
  readonly live: Set<number> = new Set();
  readonly #random: Random;

  constructor(seed: number) {
    super();
    this.#random = new Random(seed);
  }

  override onHeaders(streamId: number, fields: readonly HeaderField[], endStream: boolean): void {
    super.onHeaders(streamId, fields, endStream);
    this.live.add(streamId);
    this.#act(streamId);
  }

  override onData(streamId: number, data: Uint8Array, endStream: boolean): void {
    super.onData(streamId, data, endStream);
    if (this.#random.chance(0.7)) this.connection.acknowledge(streamId, this.#random.below(data.length * 2 + 1));
    this.#act(streamId);
  }

  override onTrailers(streamId: number, fields: readonly HeaderField[]): void {
    super.onTrailers(streamId, fields);
    this.#act(streamId);
  }

  override onReset(streamId: number, reset: StreamReset): void {
    super.onReset(streamId, reset);
    if (!this.live.has(streamId)) throw new Error(`stream ${streamId} has events after it was released`);
    if (this.#random.chance(0.8)) this.#release(streamId);
  }

  #release(streamId: number): void {
    this.live.delete(streamId);
    this.connection.release(streamId);
  }

  #act(streamId: number): void {
    const { connection } = this;
    try {
      switch (this.#random.below(8)) {
        case 0:
          connection.sendHeaders(streamId, response, { endStream: this.#random.chance(0.5) });
          break;
        case 1:
          connection.sendData(streamId, new Uint8Array(this.#random.below(40_000)), { endStream: this.#random.chance(0.3) });
          break;
        case 2:
          connection.sendHeaders(streamId, [{ name: "x", value: "y" }], { endStream: true });
          break;
        case 3:
          connection.reset(streamId, ErrorCode.CANCEL);
          break;
        case 4:
          this.#release(streamId);
          break;
        case 5:
          connection.isWritable(streamId);
          break;
        default:
      }
    } catch (error) {
      // An application at random also misuses the connection; it must be told so, and by this class.
      expect(error).toMatchObject({ name: "H2Error", scope: "usage" });
    }
  }

  finish(): void {
    for (const streamId of [...this.live]) this.#release(streamId);
  }
}

interface Run {
  readonly application: RandomApplication;
  readonly connection: Connection<unknown>;
  readonly output: Uint8Array;
}

/** `nextPiece` gives the sizes of the pieces. */
function run(role: "client" | "server", seed: number, input: Uint8Array, nextPiece: () => number): Run {
  const application = new RandomApplication(seed);
  const settings = { maxConcurrentStreams: 20, initialWindowSize: 30_000, maxHeaderListSize: 2_000 };
  const connection = new Connection<unknown>({ role, settings, limits: { maxBufferedBytesPerConnection: 200_000 } }, application);
  application.connection = connection;
  if (role === "client") {
    for (let count = 0; count < opened; count++) {
      const streamId = connection.openStream({}) as number;
      application.live.add(streamId);
      connection.sendHeaders(streamId, request, { endStream: count % 2 === 0 });
    }
  }
  let offset = 0;
  while (offset < input.length) {
    const size = Math.max(1, nextPiece());
    connection.receive(input.subarray(offset, offset + size), 0);
    offset += size;
    expect(connection.activeStreams).toBeLessThanOrEqual(20 + opened);
  }
  const chunks: Uint8Array[] = [];
  for (let more = connection.takeOutput(); more.length > 0; more = connection.takeOutput()) chunks.push(...more);
  return { application, connection, output: concatenated(chunks) };
}

/** What was lent is given back: streams to the table, bytes to the connection's window. */
function checkBalance({ application, connection, output }: Run, input: Uint8Array): void {
  const last = application.events.filter(({ kind }) => kind === "close");
  expect(last.length).toBe(connection.closed ? 1 : 0);
  const alive = !connection.closed;
  application.finish();
  const chunks: Uint8Array[] = [output];
  // Streams that were answered and released still have their answers to deliver; a client's cut off by the end never do.
  for (let more = connection.takeOutput(); more.length > 0; more = connection.takeOutput()) chunks.push(...more);
  if (alive) {
    const credited = parseFrames(concatenated(chunks))
      .filter(({ type, streamId }) => type === FrameType.WINDOW_UPDATE && streamId === 0)
      .reduce((sum, { payload }) => sum + Buffer.from(payload).readUInt32BE(0), 0);
    const received = parseFrames(input)
      .filter(({ type }) => type === FrameType.DATA)
      .reduce((sum, { payload }) => sum + payload.length, 0);
    const window = 65_535 + credited - received;
    expect(window).toBeLessThanOrEqual(100_000);
    expect(window).toBeGreaterThan(100_000 - 100_000 / 8 - 1);
  }
  connection.transportClosed();
  expect(connection.activeStreams).toBe(0);
  expect(application.of("close")).toHaveLength(1);
}

function comparable(application: RandomApplication): unknown {
  return application.events.map((event) => {
    if (event.kind === "close") return { kind: "close", error: event.error?.message };
    if (event.kind === "reset") return { ...event, reset: { ...event.reset, cause: undefined } };
    return event;
  });
}

function forSeeds(check: (seed: number) => void): void {
  if (onlySeed !== undefined) {
    check(Number(onlySeed));
    return;
  }
  const end = performance.now() + budgetMs;
  let seed = Date.now() & 0xffffff;
  do {
    try {
      check(seed);
    } catch (error) {
      throw new Error(`FUZZ_SEED=${seed}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
    seed += 1;
  } while (performance.now() < end);
}

/** Runs the input whole and cut, and compares. */
function checkInput(role: "client" | "server", seed: number, input: Uint8Array): void {
  const whole = run(role, seed, input, () => input.length);
  const cuts = new Random(seed);
  const cut = run(role, seed, input, () => 1 + cuts.below(cuts.chance(0.5) ? 12 : 3_000));
  expect(comparable(cut.application)).toEqual(comparable(whole.application));
  checkBalance(whole, input);
  checkBalance(cut, input);
}

const ourStreams = Array.from({ length: opened }, (_, index) => index * 2 + 1);

describe.each(["client", "server"] as const)("a %s that is fed", (role) => {
  it("frames, mostly right, keeps its balance", () => {
    forSeeds((seed) => {
      const random = new Random(seed);
      checkInput(role, seed, concatenated(frameSequence(random, role, role === "client" ? ourStreams : [], 1 + random.below(80), 0)));
    });
  });

  it("frames, often wrong, fails in order", () => {
    forSeeds((seed) => {
      const random = new Random(seed);
      checkInput(role, seed, concatenated(frameSequence(random, role, role === "client" ? ourStreams : [], 1 + random.below(80), 0.05)));
    });
  });

  it("frames with octets changed, lost or doubled fails in order", () => {
    forSeeds((seed) => {
      const random = new Random(seed);
      const bytes = [...concatenated(frameSequence(random, role, role === "client" ? ourStreams : [], 1 + random.below(30), 0.02))];
      for (let change = 0; change <= random.below(4); change++) {
        const at = (role === "server" ? 24 : 0) + random.below(bytes.length);
        if (random.chance(0.6)) bytes[at] = random.below(256);
        else if (random.chance(0.5)) bytes.splice(at, 1 + random.below(5));
        else bytes.splice(at, 0, ...bytes.slice(at, at + random.below(20)));
      }
      checkInput(role, seed, Uint8Array.from(bytes));
    });
  });

  it("noise fails in order", () => {
    forSeeds((seed) => {
      const random = new Random(seed);
      const begin = concatenated(frameSequence(random, role, [], random.below(3), 0));
      checkInput(role, seed, concatenated([begin, random.bytes(random.below(500))]));
    });
  });
});
