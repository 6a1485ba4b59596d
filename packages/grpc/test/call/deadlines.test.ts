import { VirtualClock } from "@trunkline/streams/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Client, createClient, Deadline, type Implementation, Status } from "../../src/index.js";
import { type ChannelForServices, channelFor } from "../../src/testing/index.js";
import { Echo } from "../gen/echo_pb.js";
import { collect, RawClient, RawServer, rejection, responseHeaders, settle, until } from "../support.js";

let clock: VirtualClock;
let served: ChannelForServices | undefined;

/** Client and server on clocks of their own, so that each can be late alone. */
let serverClock: VirtualClock;

function clientOf(implementation: Implementation<typeof Echo>): Client<typeof Echo> {
  served = channelFor([[Echo, implementation]], { channel: { clock }, server: { clock: serverClock } });
  return createClient(Echo, served.channel);
}

beforeEach(() => {
  clock = new VirtualClock();
  serverClock = new VirtualClock(5_000);
});

afterEach(async () => {
  await served?.close();
  served = undefined;
});

const forever = (): Promise<never> => new Promise(() => {});

describe("a deadline", () => {
  it("ends a call on time when the server is silent, and the server hears of it", async () => {
    const server = new RawServer({ clock });
    server.onWhole = ({ stream }) => stream.sendHeaders(responseHeaders, { endStream: false });
    const client = createClient(Echo, server.channel);
    const failed = rejection(client.say({}, { deadline: Deadline.after(500, clock) }));
    await until(() => server.requests.length === 1, "the request");
    expect(server.requests[0]?.fields).toContainEqual(
      expect.objectContaining({ name: "grpc-timeout", value: "500000u" }),
    );
    clock.advance(499);
    await settle();
    expect(server.requests[0]?.reset).toBeUndefined();
    clock.advance(1);
    expect(await failed).toMatchObject({
      status: Status.DEADLINE_EXCEEDED,
      message: "the deadline passed 500 ms after the call began",
    });
    await until(() => server.requests[0]?.reset !== undefined, "RST_STREAM");
    expect(server.requests[0]?.reset?.errorCode).toBe(8);
    await server.close();
    expect(clock.pending).toBe(0);
  });

  it("ends every kind and form of call", async () => {
    const client = clientOf({ say: forever, collect: forever, chat: { open: forever }, expand: { open: forever } });
    const options = { deadline: Deadline.after(100, clock) };
    const call = client.chat.open(options);
    const failed = Promise.all(
      [
        client.say({}, options),
        collect(client.expand({}, options)),
        client.collect([], options),
        call.receive(),
        call.receiveTrailingMetadata(),
      ].map(rejection),
    );
    await settle();
    clock.advance(100);
    for (const error of await failed) expect(error.status).toBe(Status.DEADLINE_EXCEEDED);
    expect(await rejection(call.send({}))).toMatchObject({ status: Status.DEADLINE_EXCEEDED });
    serverClock.advance(100);
  });

  it("that is over before the call begins sends nothing", async () => {
    let calls = 0;
    const client = clientOf({
      say: () => {
        calls += 1;
        return {};
      },
    });
    expect(await rejection(client.say({}, { deadline: Deadline.after(0, clock) }))).toMatchObject({
      status: Status.DEADLINE_EXCEEDED,
      message: "the deadline had passed before the call began",
    });
    await settle();
    expect(calls).toBe(0);
    expect(served?.channel.state).toBe("IDLE");
  });

  it("that never comes is none", async () => {
    let deadline: unknown = "unset";
    const client = clientOf({
      say: (_request, call) => {
        deadline = call.deadline;
        return {};
      },
    });
    await client.say({}, { deadline: Deadline.after(Number.POSITIVE_INFINITY, clock) });
    expect(deadline).toBeUndefined();
  });

  it("reaches the handler, whose signal aborts when it passes there first", async () => {
    const seen: unknown[] = [];
    const client = clientOf({
      say: async (_request, call) => {
        seen.push(call.deadline?.remainingMs);
        await new Promise((resolve) => call.signal.addEventListener("abort", resolve));
        seen.push(call.signal.reason.code, call.signal.aborted);
        throw call.signal.reason;
      },
    });
    const failed = rejection(client.say({}, { deadline: Deadline.after(5_000, clock) }));
    await until(() => seen.length === 1, "the handler");
    serverClock.advance(5_000);
    expect(await failed).toMatchObject({
      status: Status.DEADLINE_EXCEEDED,
      message: "the deadline passed before the call had ended",
    });
    expect(seen).toEqual([5_000, "DEADLINE_EXCEEDED", true]);
  });

  it("leaves no appointment behind when the call ends before", async () => {
    const client = clientOf({ say: () => ({}) });
    for (let index = 0; index < 100; index++) await client.say({}, { deadline: Deadline.after(1_000 + index, clock) });
    await served?.close();
    expect(clock.pending).toBe(0);
    expect(serverClock.pending).toBe(0);
  });

  it("counts what is left when the call has had to wait for its stream", async () => {
    const server = new RawServer({ clock }, { maxConcurrentStreams: 1 });
    const client = createClient(Echo, server.channel);
    const first = client.chat.open();
    await first.start();
    const second = rejection(client.say({}, { deadline: Deadline.after(1_000, clock) }));
    clock.advance(400);
    await settle();
    expect(server.requests.length).toBe(1);
    first.cancel();
    await until(() => server.requests.length === 2, "the second request");
    expect(server.requests[1]?.fields).toContainEqual(
      expect.objectContaining({ name: "grpc-timeout", value: "600000u" }),
    );
    clock.advance(600);
    expect((await second).message).toBe("the deadline passed 1000 ms after the call began");
    await server.close();
  });

  it("says what a call was waiting for", async () => {
    const server = new RawServer({ clock }, { maxConcurrentStreams: 0 });
    const client = createClient(Echo, server.channel);
    const failed = rejection(client.say({}, { deadline: Deadline.after(10, clock) }));
    await until(() => server.channel.state === "READY", "a connection");
    clock.advance(10);
    expect((await failed).message).toBe(
      "the deadline passed 10 ms after the call began, waiting for one of the streams that raw allows",
    );
    await server.close();
  });

  it("tells a CANCELLED that the server sent because of it for what it is", async () => {
    const server = new RawServer({ clock });
    let now = 0;
    const lateClock = { nowMs: () => now, at: () => () => {} };
    const client = createClient(Echo, server.channel);
    server.onWhole = ({ stream }) => {
      now = 1_000;
      stream.reset(8);
    };
    expect(await rejection(client.say({}, { deadline: Deadline.after(500, lateClock) }))).toMatchObject({
      status: Status.DEADLINE_EXCEEDED,
    });
    await server.close();
  });
});

describe("grpc-timeout at the server", () => {
  it("of several fields is the shortest, wherever it stands", async () => {
    const client = new RawClient();
    const seen: (number | undefined)[] = [];
    clientOf({
      chat: {
        open: (call) => {
          seen.push(call.deadline?.remainingMs);
        },
      },
    });
    void served?.server.serve(client.serverSide);
    for (const timeouts of [
      ["1S", "3S", "2S"],
      ["3S", "1S", "2S"],
      ["3S", "2S", "1S"],
      ["1H", "1000m"],
    ]) {
      const answer = client.request("/trunkline.test.v1.Echo/Chat", { "grpc-timeout": timeouts }, true);
      await until(() => answer.ended, "the answer");
    }
    expect(seen).toEqual([1_000, 1_000, 1_000, 1_000]);
    client.driver.destroy();
  });

  it("in every unit is the call's deadline", async () => {
    const client = new RawClient();
    const seen: (number | undefined)[] = [];
    clientOf({
      chat: {
        open: (call) => {
          seen.push(call.deadline?.remainingMs);
        },
      },
    });
    void served?.server.serve(client.serverSide);
    await until(() => client.http2.activeStreams === 0, "the connection");
    for (const timeout of ["1H", "2M", "3S", "4m", "5000u", "6000000n"]) {
      const answer = client.request("/trunkline.test.v1.Echo/Chat", { "grpc-timeout": timeout }, true);
      await until(() => answer.ended, "the answer");
    }
    expect(seen).toEqual([3_600_000, 120_000, 3_000, 4, 5, 6]);
    client.driver.destroy();
  });

  it("that is malformed is refused with INTERNAL", async () => {
    const client = new RawClient();
    clientOf({ chat: { open: () => {} } });
    void served?.server.serve(client.serverSide);
    const answer = client.request("/trunkline.test.v1.Echo/Chat", { "grpc-timeout": "5 seconds" }, true);
    await until(() => answer.ended, "the answer");
    expect(answer.headers).toMatchObject({ "grpc-status": "13", "grpc-message": "malformed grpc-timeout" });
    client.driver.destroy();
  });
});
