/** Responses to a client that does not read: what a server holds of them, and that other calls go on. */
import { gzipSync } from "node:zlib";
import { create, toBinary } from "@bufbuild/protobuf";
import { afterEach, describe, expect, it } from "vitest";
import { sized } from "../../../base/test/support/sizes.js";
import { Server, type ServerOptions } from "../../src/index.js";
import { Echo, EchoRequestSchema } from "../gen/echo_pb.js";
import { echo, framed, RawClient, settle, until } from "../support.js";

const base = "/trunkline.test.v1.Echo/";
const answer = new Uint8Array(65_536);
const MiB = 2 ** 20;
const limits = { connectionSendHighWaterMark: 1_048_576 };

let close: () => Promise<void> = async () => {};

afterEach(async () => {
  await close();
  close = async () => {};
});

/** A raw client whose windows are shut, on a server whose methods answer 64 KiB; `started` counts the handlers. */
function serve(options: ServerOptions = {}): {
  client: RawClient;
  counts: { started: number; ended: number; yielded: number };
} {
  const counts = { started: 0, ended: 0, yielded: 0 };
  const server = new Server({ http2: { limits }, ...options });
  server.add(
    Echo,
    {
      ...echo,
      say() {
        counts.started += 1;
        return { payload: answer };
      },
      async *expand() {
        counts.started += 1;
        for (;;) {
          counts.yielded += 1;
          yield { payload: answer };
        }
      },
    },
    {
      interceptors: [
        () => ({
          onEnd() {
            counts.ended += 1;
          },
        }),
      ],
    },
  );
  const client = new RawClient({ initialWindowSize: 0 });
  void server.serve(client.serverSide);
  close = async () => {
    client.driver.destroy();
    await server.close({ closeTimeoutMs: 0 });
  };
  return { client, counts };
}

describe("answers to a client whose windows are shut", () => {
  it("are made only as far as there is room: of 100 calls with 64 KiB each, 16 handlers are called", async () => {
    const { client, counts } = serve();
    const calls = Array.from({ length: 100 }, () => client.request(`${base}Say`));
    for (const { stream } of calls) stream.sendData(framed(new Uint8Array(0)), { endStream: true });
    await settle(100);
    // So many answers with their prefixes pass the mark of 1 MiB.
    expect(counts.started).toBe(16);
  });

  const waiting = sized(100, 500);
  it(`are made for requests that wait as they came: of ${waiting} that inflate to 1 MiB, 20 are inflated`, async () => {
    const decoded = { count: 0 };
    const { client, counts } = serve({
      interceptors: [
        () => ({
          onRequestMessage: () => {
            decoded.count += 1;
            return undefined;
          },
        }),
      ],
    });
    const request = gzipSync(toBinary(EchoRequestSchema, create(EchoRequestSchema, { payload: new Uint8Array(MiB) })));
    // Before the server's SETTINGS have come, a client opens at most 100 streams.
    await settle(20);
    const calls = Array.from({ length: waiting }, () => client.request(`${base}Say`, { "grpc-encoding": "gzip" }));
    for (const { stream } of calls) stream.sendData(framed(request, 1), { endStream: true });
    await until(() => counts.started >= 16, "the first answers");
    await settle(100);
    // Four more may have been under way in the background when the room was used up.
    expect(decoded.count).toBeLessThanOrEqual(20);
    for (const { stream } of calls) stream.extendWindow(100_000);
    await until(() => calls.every(({ trailers }) => trailers["grpc-status"] === "0"), "all answers");
    expect(decoded.count).toBe(waiting);
  });

  it("wait with large requests, which flow control holds until there is room", async () => {
    const { client, counts } = serve();
    const small = Array.from({ length: 30 }, () => client.request(`${base}Say`));
    for (const { stream } of small) stream.sendData(framed(new Uint8Array(0)), { endStream: true });
    await settle(50);
    expect(counts.started).toBe(16);
    const upload = framed(toBinary(EchoRequestSchema, create(EchoRequestSchema, { payload: new Uint8Array(MiB) })));
    const large = Array.from({ length: 20 }, () => client.request(`${base}Say`));
    for (const { stream } of large) stream.sendData(upload, { endStream: true });
    await settle(200);
    const taken = large.reduce((sum, { stream }) => sum + upload.length - stream.bufferedBytes, 0);
    expect(taken).toBeLessThanOrEqual(20 * 65_536);
    for (const { stream } of [...small, ...large]) stream.extendWindow(100_000);
    await until(() => [...small, ...large].every(({ trailers }) => trailers["grpc-status"] === "0"), "all answers");
    expect(counts.started).toBe(50);
  });

  it("come one after the other once the client reads", async () => {
    const { client, counts } = serve();
    const calls = Array.from({ length: 60 }, () => client.request(`${base}Say`));
    for (const { stream } of calls) stream.sendData(framed(new Uint8Array(0)), { endStream: true });
    await settle(50);
    expect(counts.started).toBe(16);
    for (const { stream } of calls) stream.extendWindow(100_000);
    await until(() => calls.every(({ trailers }) => trailers["grpc-status"] === "0"), "all answers");
    expect(counts.started).toBe(60);
  });

  it("hold their slots while they wait, and give them back when the client gives up", async () => {
    const { client, counts } = serve();
    const calls = Array.from({ length: 60 }, () => client.request(`${base}Say`));
    for (const { stream } of calls) stream.sendData(framed(new Uint8Array(0)), { endStream: true });
    await settle(50);
    const ended = counts.ended;
    expect(ended).toBe(16);
    for (const { stream } of calls) stream.reset(8);
    await until(() => counts.ended === 60, "the end of all calls");
  });

  it("that are streamed stop their handlers in the send that has no room", async () => {
    const { client, counts } = serve();
    const calls = Array.from({ length: 50 }, () => client.request(`${base}Expand`));
    for (const { stream } of calls) stream.sendData(framed(new Uint8Array(0)), { endStream: true });
    await settle(100);
    expect(counts.started).toBe(50);
    // Sixteen messages fill the mark; each handler asks for one more, and the first ones for a second one.
    expect(counts.yielded).toBeLessThanOrEqual(16 + 50);
  });

  it("do not stop calls whose answers go out as they are made", async () => {
    const { client, counts } = serve();
    const shut = Array.from({ length: 50 }, () => client.request(`${base}Say`));
    for (const { stream } of shut) stream.sendData(framed(new Uint8Array(0)), { endStream: true });
    await settle(50);
    expect(counts.started).toBe(16);
    const open = client.request(`${base}Say`);
    open.stream.extendWindow(100_000);
    open.stream.sendData(framed(new Uint8Array(0)), { endStream: true });
    await until(() => open.trailers["grpc-status"] === "0", "the answer");
  });
});
