/** `trunkline bench`: an exposer and a port that are measured, and one side that measures. */
import { once } from "node:events";
import { connect } from "node:net";
import { VirtualClock } from "@trunkline/base/testing";
import { memoryPair } from "@trunkline/streams";
import { describe, expect, test } from "vitest";
import { figuresOf, type Measured, measureTurn } from "../../src/bench/measure.js";
import { maxMeasurementStreams, measurementRequest, measurementStreams, slackMs } from "../../src/bench/service.js";
import { InProcessLab } from "../support/lab.js";
import { fateOf, startService } from "../support/services.js";

const short = ["--time", "20ms"] as const;

describe("bench", () => {
  test("measures the way through the router, and the target sees nothing of it", async () => {
    await using lab = new InProcessLab();
    let connections = 0;
    await using service = await startService(() => {
      connections += 1;
    });
    await lab.router();
    await lab.expose("web", service.target, "--no-check");
    const run = lab.start("bench", "web", ...short, "--connections", "2");
    for (const measurement of ["round-trips", "upload", "download"]) {
      const event = await run.event("measured");
      expect(event).toMatchObject({ measurement, way: "router", to: "web", connections: 2 });
      expect(event["perSecond"]).toBeGreaterThan(0);
    }
    expect(await run.exit).toBe(0);
    expect(connections).toBe(0);
    const text = lab.run(["bench", "web", ...short]);
    expect(await text.exit).toBe(0);
    expect(text.stdout).toMatch(
      /^web: \d+ round trips of 64 B a second, median [\d.]+ ms, 99th percentile [\d.]+ ms\n/,
    );
    expect(text.stdout).toMatch(/\nweb: upload [\d.]+ \w+\/s\nweb: download [\d.]+ \w+\/s\n$/);
  });

  test("compares with the way without a router, in turns", async () => {
    await using lab = new InProcessLab();
    await lab.router();
    await lab.expose("web", "exec:cat");
    const server = lab.start("bench", "--serve", "0");
    const { address } = await server.event("listening");
    const run = lab.start("bench", "web", ...short, "--direct", address as string);
    for (const measurement of ["round-trips", "upload", "download"]) {
      expect(await run.event("measured")).toMatchObject({ measurement, way: "router" });
      expect(await run.event("measured")).toMatchObject({ measurement, way: "direct", to: address });
      const { ratio } = await run.event("compared");
      expect(ratio).toBeGreaterThan(0);
    }
    expect(await run.exit).toBe(0);
    const alone = lab.start("bench", "--direct", address as string, ...short);
    expect(await alone.event("measured")).toMatchObject({ way: "direct" });
    expect(await alone.exit).toBe(0);
    expect(await server.end("SIGINT")).toBe(0);
  });

  test("a stranger's bytes on the port are reset, and the port serves on", async () => {
    await using lab = new InProcessLab();
    const server = lab.start("bench", "--serve", "0");
    const { address, port } = await server.event("listening");
    const socket = connect(port as number, "127.0.0.1");
    await once(socket, "connect");
    const fate = fateOf(socket.resume());
    socket.write("GET / HTTP/1.1\r\n\r\n");
    expect(await fate).not.toBe("end");
    expect(await lab.run(["bench", "--direct", address as string, ...short]).exit).toBe(0);
  });

  test.each([
    [["bench"], 64, "a name is needed, or --direct ADDRESS, or --serve ADDRESS"],
    [["bench", "web", "--serve", "0"], 64, "--serve excludes a name and --direct"],
    [["bench", "web", "--time", "61s"], 64, '--time "61s" is longer than 1 min 0 s'],
    [["bench", "web", "--connections", "65"], 64, '--connections "65" must be from 1 to 64'],
    [["bench", "--direct", "exec:cat"], 64, "is not the address of a bench --serve"],
    [["bench", "--direct", "udp:53"], 64, "is not the address of a bench --serve"],
    [["bench", "nothing"], 68, '"nothing" is not exposed'],
    [["bench", "silent"], 74, 'the exposer of "silent" answers no measurements'],
    [["bench", "--direct", "127.0.0.1:1"], 75, "cannot reach the target 127.0.0.1:1: connection refused"],
  ])("%j ends with %d", async (args, exitCode, message) => {
    await using lab = new InProcessLab();
    await lab.router();
    const silent = lab.start("recv", "silent");
    await silent.event("exposed");
    const run = lab.run(args);
    expect(await run.exit).toBe(exitCode);
    expect(run.stderr).toContain(message);
  });
});

describe("a stream that is measured", () => {
  const served = (clock = new VirtualClock()) => {
    const streams = measurementStreams(clock);
    const begin = () => {
      const [near, far] = memoryPair<Uint8Array>();
      streams.begin(far);
      return near;
    };
    return { clock, begin };
  };
  const never = new AbortController().signal;

  test("may get its request in pieces, with bytes behind it", async () => {
    const stream = served().begin();
    const request = measurementRequest("upload", 1_000);
    await stream.send(request.subarray(0, 2));
    await stream.send(Uint8Array.of(...request.subarray(2), 7, 8, 9));
    await stream.sendEof();
    expect(await stream.receive()).toEqual(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 3));
    expect(await stream.receive()).toBeUndefined();
  });

  test("is refused for another request, and for more than a minute", async () => {
    const { begin } = served();
    for (const request of [Uint8Array.of(0x58, 0, 0, 0, 1), measurementRequest("download", 60_001)]) {
      const stream = begin();
      await stream.send(request);
      await expect(stream.receive()).rejects.toThrow("these are no bytes of trunkline bench");
    }
  });

  test("breaks half a minute after the time of its measurement", async () => {
    const { clock, begin } = served();
    const stream = begin();
    await stream.send(measurementRequest("round-trips", 1_000));
    await stream.send(Uint8Array.of(1));
    expect(await stream.receive()).toEqual(Uint8Array.of(1));
    const broken = stream.receive().catch((error: unknown) => error);
    clock.advance(1_000 + slackMs - 1);
    await new Promise(setImmediate);
    clock.advance(1);
    expect(await broken).toMatchObject({ message: expect.stringContaining("the measurement took too long") });
  });

  test("is refused past 64 at once", async () => {
    const { begin } = served();
    const streams = Array.from({ length: maxMeasurementStreams }, begin);
    await expect(begin().receive()).rejects.toThrow("64 streams of measurements are open");
    for (const stream of streams) stream.abort();
    await new Promise(setImmediate);
    const again = begin();
    await again.send(measurementRequest("download", 0));
    expect(await again.receive()).toHaveLength(65_536);
    again.abort();
  });

  test("breaks the measurement where fewer bytes are counted than were sent", async () => {
    const [near, far] = memoryPair<Uint8Array>();
    const measured: Measured = { tripsMs: [], bytes: 0, elapsedMs: 0 };
    const turn = measureTurn("upload", [near], 0, measured, never).catch((error: unknown) => error);
    while ((await far.receive()) !== undefined);
    await far.send(new Uint8Array(8));
    await far.sendEof();
    expect(await turn).toMatchObject({ message: "of 65536 bytes that were sent the other side counted 0" });
  });
});

describe("the figures of a measurement", () => {
  test("are the rate, and the times of round trips in the middle and at the 99th percentile", () => {
    const tripsMs = Array.from({ length: 101 }, (_, index) => 100 - index);
    expect(figuresOf("round-trips", { tripsMs, bytes: 0, elapsedMs: 2_000 })).toEqual({
      perSecond: 51,
      medianMs: 50,
      percentile99Ms: 99,
    });
    expect(figuresOf("upload", { tripsMs: [], bytes: 3_000, elapsedMs: 1_500 })).toEqual({ perSecond: 2_000 });
  });
});
