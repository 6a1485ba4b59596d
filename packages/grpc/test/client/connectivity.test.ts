/** The state of a channel, waiting for it and watching it, in virtual time. */
import { VirtualClock } from "@trunkline/streams/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Channel, type ChannelState, createClient, Deadline, Status } from "../../src/index.js";
import { duplexPair } from "../../src/testing/index.js";
import { Echo } from "../gen/echo_pb.js";
import { collect, RawServer, rejection, settle, until } from "../support.js";

let clock: VirtualClock;
let server: RawServer;

beforeEach(() => {
  clock = new VirtualClock();
  server = new RawServer({ clock, backoff: { jitter: 0 } });
});

afterEach(() => server.close());

const refuse = (): never => {
  throw new Error("connection refused");
};

describe("connect()", () => {
  it("connects, and resolves when the channel is READY", async () => {
    const connecting = server.channel.connect();
    expect(server.channel.state).toBe("CONNECTING");
    await connecting;
    expect(server.channel.state).toBe("READY");
    await server.channel.connect();
    expect(server.attempts).toBe(1);
    expect(server.requests).toEqual([]);
  });

  it("rejects with the failure of the attempt, and until the next attempt at once", async () => {
    server.beforeConnect = refuse;
    expect(await rejection(server.channel.connect())).toMatchObject({
      status: Status.UNAVAILABLE,
      message: "connection refused",
    });
    expect(await rejection(server.channel.connect())).toMatchObject({
      status: Status.UNAVAILABLE,
      message: "connection refused (the next attempt is in 500 ms)",
    });
    expect(server.attempts).toBe(1);
  });

  it("with waitForReady waits through failures", async () => {
    server.beforeConnect = refuse;
    const patient = server.channel.connect({ waitForReady: true });
    await until(() => server.channel.state === "TRANSIENT_FAILURE", "the failure");
    server.beforeConnect = () => {};
    clock.advance(500);
    await patient;
    expect(server.attempts).toBe(2);
  });

  it("is bounded by the earlier of deadline and timeoutMs, and says the state and the last failure", async () => {
    server.beforeConnect = refuse;
    const deadline = Deadline.after(10_000, clock);
    const failed = rejection(server.channel.connect({ waitForReady: true, deadline, timeoutMs: 300 }));
    await until(() => server.channel.state === "TRANSIENT_FAILURE", "the failure");
    clock.advance(300);
    expect(await failed).toMatchObject({
      status: Status.DEADLINE_EXCEEDED,
      message:
        "the deadline passed 300 ms after connect() began, waiting for a connection to raw " +
        "(TRANSIENT_FAILURE, the last attempt failed: connection refused)",
    });
    clock.advance(200);
    expect(server.channel.state).toBe("IDLE");
    expect(clock.pending).toBe(0);
  });

  it("ends with its signal, and leaves the attempt to those who still wait", async () => {
    const controller = new AbortController();
    const given = rejection(server.channel.connect({ signal: controller.signal }));
    const other = server.channel.connect();
    const reason = new Error("enough");
    controller.abort(reason);
    expect(await given).toBe(reason);
    await other;
    expect(await rejection(server.channel.connect({ signal: controller.signal }))).toBe(reason);
  });

  it("rejects when the channel is closed meanwhile, and after that", async () => {
    const never = new Channel({ connect: () => new Promise<never>(() => {}) }, { clock });
    const waiting = rejection(never.connect({ waitForReady: true }));
    await never.close();
    const closed = { status: Status.UNAVAILABLE, message: "the channel to localhost is closed" };
    expect(await waiting).toMatchObject(closed);
    expect(await rejection(never.connect())).toMatchObject(closed);
    expect(clock.pending).toBe(0);
  });

  it("rejects on a given transport that is gone", async () => {
    const [clientSide] = duplexPair();
    clientSide.destroy();
    const channel = new Channel({ transport: clientSide }, { clock });
    expect(await rejection(channel.connect({ waitForReady: true }))).toMatchObject({
      status: Status.UNAVAILABLE,
      message: "the given transport is closed",
    });
    expect(channel.state).toBe("SHUTDOWN");
  });

  it.each([
    [{ timeoutMs: 0 }, "timeoutMs must be a number of milliseconds above zero, not 0"],
    [{ deadline: 5 as never }, "deadline must be a Deadline or a Date, not the number 5"],
    [{ waitForReady: 1 as never }, "waitForReady must be true or false, not 1"],
    [{ timeout: 5 } as never, 'connect has no option "timeout"'],
  ])("refuses %j", async (options, message) => {
    expect((await rejection(server.channel.connect(options))).message).toContain(message);
  });
});

describe("watchState()", () => {
  it("gives the present state, each one after it, and ends after SHUTDOWN", async () => {
    const seen: ChannelState[] = [];
    const watching = (async () => {
      for await (const state of server.channel.watchState()) seen.push(state);
    })();
    await settle();
    server.beforeConnect = refuse;
    await rejection(server.channel.connect());
    await settle();
    clock.advance(500);
    await settle();
    server.beforeConnect = () => {};
    const connecting = server.channel.connect();
    await settle();
    await connecting;
    server.last.duplex.destroy();
    await until(() => server.channel.state === "IDLE", "the loss");
    await settle();
    await server.channel.close();
    await watching;
    expect(seen).toEqual([
      "IDLE",
      "CONNECTING",
      "TRANSIENT_FAILURE",
      "IDLE",
      "CONNECTING",
      "READY",
      "IDLE",
      "SHUTDOWN",
    ]);
  });

  it("gives a slow reader the latest state, and keeps nothing else for it", async () => {
    const watch = server.channel.watchState();
    expect((await watch.next()).value).toBe("IDLE");
    await server.channel.connect();
    expect((await watch.next()).value).toBe("READY");
    await watch.return?.();
  });

  it("does not connect, and ends with its signal", async () => {
    const controller = new AbortController();
    const watch = server.channel.watchState({ signal: controller.signal });
    await watch.next();
    const next = rejection(watch.next());
    await settle();
    expect(server.attempts).toBe(0);
    controller.abort(new Error("enough"));
    expect((await next).message).toBe("enough");
  });

  it("has many readers, and READY comes before a call that waited has its answer", async () => {
    const first = collect(server.channel.watchState());
    const second = collect(server.channel.watchState());
    server.onRequest = ({ stream }) => {
      expect(server.channel.state).toBe("READY");
      stream.reset(2);
    };
    await rejection(createClient(Echo, server.channel).say({}));
    await server.channel.close();
    expect((await first).at(-1)).toBe("SHUTDOWN");
    expect(await second).toEqual(await first);
  });
});
