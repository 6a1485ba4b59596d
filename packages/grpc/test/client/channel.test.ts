import { Backoff } from "@trunkline/base";
import { VirtualClock } from "@trunkline/streams/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Channel, type Client, createClient, Deadline, Status } from "../../src/index.js";
import { duplexPair } from "../../src/testing/index.js";
import { Echo } from "../gen/echo_pb.js";
import { collect, echo, framed, okTrailers, RawServer, rejection, responseHeaders, settle, until } from "../support.js";

let clock: VirtualClock;
let server: RawServer;
let client: Client<typeof Echo>;

/** Answers everything with an empty message. */
function answerAll(raw: RawServer): void {
  raw.onWhole = ({ stream }) => {
    stream.sendHeaders(responseHeaders, { endStream: false });
    stream.sendData(framed(new Uint8Array(0)), { endStream: false });
    stream.sendHeaders(okTrailers, { endStream: true });
    stream.release();
  };
}

beforeEach(() => {
  clock = new VirtualClock();
  server = new RawServer({ clock, backoff: { jitter: 0 } });
  client = createClient(Echo, server.channel);
  answerAll(server);
});

afterEach(() => server.close());

const refuse = (): never => {
  throw new Error("connection refused");
};

describe("a channel", () => {
  it("connects when the first call wants it, and keeps the connection", async () => {
    expect(server.channel.state).toBe("IDLE");
    expect(server.channel.target).toBe("raw");
    const first = client.say({});
    expect(server.channel.state).toBe("CONNECTING");
    await first;
    expect(server.channel.state).toBe("READY");
    await client.say({});
    expect(server.attempts).toBe(1);
  });

  it("makes one connection for calls that come at the same time", async () => {
    await Promise.all(Array.from({ length: 50 }, () => client.say({})));
    expect(server.attempts).toBe(1);
  });

  it("fails calls at once when it cannot connect, and waits longer after every failure", async () => {
    server.beforeConnect = refuse;
    let waitMs = 500;
    for (let attempt = 1; attempt <= 12; attempt++) {
      const error = await rejection(client.say({}));
      expect(error).toMatchObject({ status: Status.UNAVAILABLE, message: "connection refused" });
      expect(server.attempts).toBe(attempt);
      expect(server.channel.state).toBe("TRANSIENT_FAILURE");
      expect((await rejection(client.say({}))).message).toMatch(
        /^connection refused \(the next attempt is in \d+ ms\)$/,
      );
      clock.advance(waitMs - 1);
      expect(server.channel.state).toBe("TRANSIENT_FAILURE");
      clock.advance(1);
      expect(server.channel.state).toBe("IDLE");
      waitMs = Math.min(30_000, waitMs * 1.6);
    }
  });

  it("comes back by itself once the server is there again", async () => {
    server.beforeConnect = refuse;
    await rejection(client.say({}));
    server.beforeConnect = () => {};
    clock.advance(500);
    await client.say({});
    expect(server.channel.state).toBe("READY");
  });

  it("keeps calls that wait for it through failed attempts, as long as their deadlines allow", async () => {
    server.beforeConnect = refuse;
    const patient = client.say({}, { waitForReady: true });
    const limited = rejection(client.say({}, { waitForReady: true, deadline: Deadline.after(700, clock) }));
    const hasty = rejection(client.say({}));
    expect(await hasty).toMatchObject({ status: Status.UNAVAILABLE });
    clock.advance(500);
    await until(() => server.attempts === 2, "a second attempt");
    await settle();
    clock.advance(200);
    expect(await limited).toMatchObject({
      status: Status.DEADLINE_EXCEEDED,
      message:
        "the deadline passed 700 ms after the call began, waiting for a connection to raw " +
        "(TRANSIENT_FAILURE, the last attempt failed: connection refused)",
    });
    server.beforeConnect = () => {};
    clock.advance(600);
    await patient;
    expect(server.attempts).toBe(3);
  });

  it("begins with the shortest wait again after a connection that worked", async () => {
    server.beforeConnect = refuse;
    await rejection(client.say({}));
    clock.advance(500);
    await rejection(client.say({}));
    server.beforeConnect = () => {};
    clock.advance(800);
    await client.say({});
    server.driver.destroy();
    await until(() => server.channel.state === "IDLE", "the loss");
    server.beforeConnect = refuse;
    await rejection(client.say({}));
    expect((await rejection(client.say({}))).message).toContain("the next attempt is in 500 ms");
  });

  it("fails the calls of a lost connection with UNAVAILABLE, naming why, and connects again at once", async () => {
    server.onWhole = () => {};
    const unary = rejection(client.say({}));
    const stream = rejection(collect(client.expand({})));
    await until(() => server.requests.length === 2, "the requests");
    server.connections[0]?.duplex.destroy();
    expect(await unary).toMatchObject({
      status: Status.UNAVAILABLE,
      message: "the connection to the server was lost: connection lost: the other end is gone",
    });
    expect(await stream).toMatchObject({ status: Status.UNAVAILABLE });
    answerAll(server);
    await client.say({});
    expect(server.attempts).toBe(2);
  });

  it("does not call a server without pause that ends every connection before it is of use", async () => {
    server = new RawServer({ clock, backoff: { jitter: 0 } });
    client = createClient(Echo, server.channel);
    server.onRequest = () => server.connections.at(-1)?.duplex.destroy();
    const calls = Array.from({ length: 20 }, () => rejection(client.say({})));
    for (const error of await Promise.all(calls)) expect(error.status).toBe(Status.UNAVAILABLE);
    for (let turn = 0; turn < 12; turn++) await rejection(client.say({}));
    const attempts = server.attempts;
    expect(attempts).toBe(10);
    expect(server.channel.state).toBe("TRANSIENT_FAILURE");
    expect((await rejection(client.say({}))).message).toMatch(/the next attempt is in 500 ms/);
    expect(server.attempts).toBe(attempts);
  });

  it("does not connect without pause to a server that ends every connection before a call is begun", async () => {
    await server.close();
    server = new RawServer({ clock, backoff: { jitter: 0 } }, { maxConcurrentStreams: 0 });
    client = createClient(Echo, server.channel);
    const call = rejection(client.say({}));
    for (const turn of [1, 2]) {
      await until(() => server.channel.state === "READY" && server.attempts === turn, `connection ${turn}`);
      server.last.duplex.destroy();
    }
    expect(await call).toMatchObject({ status: Status.UNAVAILABLE });
    expect(server.attempts).toBe(2);
    expect(server.channel.state).toBe("TRANSIENT_FAILURE");
  });

  it("does not back off from a server that has closed a connection because of a call, twice in a row", async () => {
    server.onWhole = () => server.last.duplex.destroy();
    for (let turn = 0; turn < 2; turn++)
      expect(await rejection(client.say({}))).toMatchObject({ status: Status.UNAVAILABLE });
    answerAll(server);
    expect(await client.say({})).toBeDefined();
    expect(server.attempts).toBe(3);
  });

  it("begins the attempt whose time has come with the next call, even if the timer has not fired", async () => {
    let nowMs = 0;
    const stuck = { nowMs: () => nowMs, at: () => () => {} };
    await server.close();
    server = new RawServer({ clock: stuck, backoff: { jitter: 0 } });
    client = createClient(Echo, server.channel);
    answerAll(server);
    server.beforeConnect = refuse;
    await rejection(client.say({}));
    server.beforeConnect = () => {};
    nowMs = 499;
    expect((await rejection(client.say({}))).message).toContain("the next attempt is in 1 ms");
    nowMs = 500;
    expect(await client.say({})).toBeDefined();
  });

  it("lets the event loop turn between the failures of a program that calls again at once", async () => {
    server.beforeConnect = refuse;
    await rejection(client.say({}));
    let turned = false;
    setImmediate(() => {
      turned = true;
    });
    for (let calls = 0; calls < 1_000 && !turned; calls++) await rejection(client.say({}));
    expect(turned).toBe(true);
  });

  it("fails its calls when the other side is no HTTP/2 server, or closes without a word", async () => {
    for (const speak of [
      (duplex: NodeJS.WritableStream) => duplex.write("HTTP/1.1 400 Bad Request\r\n\r\n"),
      (duplex: NodeJS.WritableStream) => duplex.end(),
    ]) {
      const connect = (): ReturnType<typeof duplexPair>[0] => {
        const [clientSide, serverSide] = duplexPair();
        serverSide.on("error", () => {});
        serverSide.resume();
        speak(serverSide);
        return clientSide;
      };
      await using channel = new Channel({ connect, authority: "odd" }, { clock });
      const error = await rejection(createClient(Echo, channel).say({}));
      expect(error.status).toBe(Status.UNAVAILABLE);
      expect(error.message).toMatch(/^cannot connect to odd: /);
    }
  });

  it("gives up on a server that accepts and then says nothing", async () => {
    const connect = (): ReturnType<typeof duplexPair>[0] => duplexPair()[0];
    await using channel = new Channel({ connect, authority: "mute" }, { clock });
    const failed = rejection(createClient(Echo, channel).say({}));
    await settle();
    clock.advance(10_000);
    expect(await failed).toMatchObject({
      status: Status.UNAVAILABLE,
      message: "cannot connect to mute: no SETTINGS from the peer within handshakeTimeoutMs (10000)",
    });
    clock.advance(60_000);
  });

  it("opens no more streams than the server allows; the others wait in order, and not without end", async () => {
    const limited = new RawServer({ clock, maxWaitingCalls: 3 }, { maxConcurrentStreams: 2 });
    const few = createClient(Echo, limited.channel);
    const replies = [0, 1, 2, 3, 4].map((count) => few.chat.open({ metadata: { n: String(count) } }));
    const started = replies.slice(0, 2).map((call) => call.start());
    await Promise.all(started);
    const waiting = replies.slice(2).map((call) => call.start());
    const error = await rejection(few.say({}));
    expect(error).toMatchObject({
      status: Status.RESOURCE_EXHAUSTED,
      message: "4 calls would wait for raw, more than maxWaitingCalls (3)",
    });
    await settle();
    expect(limited.requests.length).toBe(2);
    replies[3]?.cancel();
    replies[0]?.cancel();
    await until(() => limited.requests.length === 3, "the next in line");
    expect(limited.requests[2]?.fields).toContainEqual(expect.objectContaining({ name: "n", value: "2" }));
    for (const call of [...replies].reverse()) call.cancel();
    expect((await Promise.allSettled(waiting)).map(({ status }) => status)).toEqual([
      "fulfilled",
      "rejected",
      "rejected",
    ]);
    await limited.close();
  });

  it("goes on with calls that wait when their connection is lost", async () => {
    const limited = new RawServer({ clock, backoff: { jitter: 0 } }, { maxConcurrentStreams: 1 });
    const few = createClient(Echo, limited.channel);
    const blocking = few.chat.open();
    await blocking.start();
    answerAll(limited);
    const waiting = few.say({});
    await settle();
    limited.driver.destroy();
    await waiting;
    expect(await rejection(blocking.receive())).toMatchObject({ status: Status.UNAVAILABLE });
    await limited.close();
  });

  it("leaves no appointment and no call behind when it is closed", async () => {
    await client.say({}, { deadline: Deadline.after(1_000, clock) });
    server.beforeConnect = refuse;
    server.driver.destroy();
    await until(() => server.channel.state === "IDLE", "the loss");
    const waiting = rejection(client.say({}, { waitForReady: true }));
    await until(() => server.channel.state === "TRANSIENT_FAILURE", "the failure");
    await server.channel.close();
    expect(await waiting).toMatchObject({ status: Status.UNAVAILABLE, message: "the channel to raw is closed" });
    expect(server.channel.state).toBe("SHUTDOWN");
    expect(await rejection(client.say({}))).toMatchObject({
      status: Status.UNAVAILABLE,
      message: "the channel to raw is closed",
    });
    expect(clock.pending).toBe(0);
  });
});

describe("closing a channel", () => {
  it("lets calls end, and takes no more", async () => {
    const call = client.chat.open();
    await call.start();
    await until(() => server.requests.length === 1, "the request");
    let closed = false;
    const closing = server.channel.close().then(() => {
      closed = true;
    });
    expect(await rejection(client.say({}))).toMatchObject({ status: Status.UNAVAILABLE });
    await call.sendEof();
    expect((await collect(call)).length).toBe(1);
    await closing;
    expect(closed).toBe(true);
    await server.channel.close();
  });

  it("is bounded: calls that do not end fail", async () => {
    server.onWhole = () => {};
    const failed = rejection(client.say({}));
    await until(() => server.requests.length === 1, "the request");
    const closing = server.channel.close({ closeTimeoutMs: 300 });
    await settle();
    clock.advance(300);
    expect(await failed).toMatchObject({
      status: Status.UNAVAILABLE,
      message:
        "the connection to the server was lost: connection lost: the channel was closed, " +
        "and the call had not ended after 300 ms",
    });
    await closing;
    expect(await rejection(server.channel.close({ closeTimeoutMs: -1 }))).toBeInstanceOf(RangeError);
  });

  it("stops an attempt to connect", async () => {
    let signal: AbortSignal | undefined;
    const channel = new Channel({
      connect: (options) => {
        signal = options.signal;
        return new Promise<never>(() => {});
      },
    });
    const failed = rejection(createClient(Echo, channel).say({}));
    await channel.close();
    expect(await failed).toMatchObject({ status: Status.UNAVAILABLE, message: "the channel to localhost is closed" });
    expect(signal?.aborted).toBe(true);
  });
});

describe("a channel on a given transport", () => {
  it("is over with it", async () => {
    const [clientSide, serverSide] = duplexPair();
    const { Server } = await import("../../src/index.js");
    const owner = new Server({ clock });
    owner.add(Echo, echo);
    const served = owner.serve(serverSide);
    const channel = new Channel({ transport: clientSide, authority: "somewhere" }, { clock });
    const given = createClient(Echo, channel);
    expect((await given.say({ text: "you" })).text).toBe("you");
    clientSide.destroy(new Error("cut"));
    await served;
    await until(() => channel.state === "SHUTDOWN", "the channel to notice");
    expect(await rejection(given.say({}))).toMatchObject({
      status: Status.UNAVAILABLE,
      message: "the transport to the given transport is gone",
    });
    expect(await rejection(given.say({}, { waitForReady: true }))).toMatchObject({ status: Status.UNAVAILABLE });
    await owner.close();
  });

  it("that was closed before says so", async () => {
    const [clientSide] = duplexPair();
    clientSide.destroy();
    const channel = new Channel({ transport: clientSide });
    expect(await rejection(createClient(Echo, channel).say({}))).toMatchObject({
      message: "the given transport is closed",
    });
  });
});

describe("backoff", () => {
  it("differs by chance, within its jitter", () => {
    const waits = (random: number): number[] => {
      const backoff = new Backoff({ initialMs: 100, multiplier: 2, maxMs: 350, jitter: 0.5 }, () => random);
      return [backoff.next(), backoff.next(), backoff.next(), backoff.next()];
    };
    expect(waits(0)).toEqual([50, 100, 175, 175]);
    expect(waits(0.5)).toEqual([100, 200, 350, 350]);
    expect(waits(1)).toEqual([150, 300, 525, 525]);
  });

  it("refuses options out of their range", () => {
    expect(() => new Channel("localhost:1", { backoff: { initialMs: 0 } })).toThrow(
      "backoff.initialMs must be a number from 1 to 86400000, not 0",
    );
    expect(() => new Channel("localhost:1", { backoff: { jitter: 2 } })).toThrow(
      "backoff.jitter must be a number from 0 to 1, not 2",
    );
  });
});

describe("an attempt to connect", () => {
  it("is given up after connectTimeoutMs, and told so", async () => {
    let signal: AbortSignal | undefined;
    let late = (_: ReturnType<typeof duplexPair>[0]): void => {};
    const connect = (options: { signal: AbortSignal }): Promise<ReturnType<typeof duplexPair>[0]> => {
      signal = options.signal;
      return new Promise((resolve) => {
        late = resolve;
      });
    };
    await using channel = new Channel({ connect, authority: "slow" }, { clock, connectTimeoutMs: 250 });
    const failed = rejection(createClient(Echo, channel).say({}));
    clock.advance(250);
    expect(await failed).toMatchObject({
      status: Status.UNAVAILABLE,
      message: "cannot connect to slow within connectTimeoutMs (250)",
      cause: { code: "CONNECT_TIMEOUT" },
    });
    expect(signal?.aborted).toBe(true);
    const [tooLate] = duplexPair();
    late(tooLate);
    await until(() => tooLate.destroyed, "the late transport to be closed");
  });

  it("that gives something else than a transport fails", async () => {
    await using channel = new Channel({ connect: () => ({}) as never, authority: "odd" }, { clock });
    expect(await rejection(createClient(Echo, channel).say({}))).toMatchObject({ status: Status.UNAVAILABLE });
  });
});
