/** The rules of hostile and failing peers: no call hangs, leaks or ends in an unhandled rejection. */
import { type Duplex, Transform } from "node:stream";
import { VirtualClock } from "@trunkline/streams/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Channel, type Client, createClient, Deadline, GrpcError, Server, Status } from "../../src/index.js";
import { channelFor, duplexPair } from "../../src/testing/index.js";
import { Echo } from "../gen/echo_pb.js";
import { collect, echo, framed, RawClient, RawServer, rejection, responseHeaders, settle, until } from "../support.js";

/** Every kind and form of call once; how each ended. */
async function allCalls(client: Client<typeof Echo>): Promise<(string | undefined)[]> {
  const outcome = (call: Promise<unknown>): Promise<string | undefined> =>
    call.then(
      () => undefined,
      (error: unknown) => (error instanceof GrpcError ? error.code : String(error)),
    );
  const steps = async (): Promise<void> => {
    await using call = client.chat.open({ metadata: { a: "b" } });
    await call.send({ text: "x".repeat(100) });
    await call.receive();
    await call.sendEof();
    await call.receiveTrailingMetadata();
  };
  return Promise.all([
    outcome(client.say({ text: "y".repeat(200) })),
    outcome(collect(client.expand({ text: "z", count: 3 }))),
    outcome(client.collect([{ text: "a" }, { text: "b" }])),
    outcome(collect(client.chat([{ text: "c" }]))),
    outcome(steps()),
  ]);
}

/** Passes on `bytes` and then breaks. */
function cutAfter(duplex: Duplex, bytes: number): Duplex {
  let left = bytes;
  const cut = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      if (chunk.length < left) {
        left -= chunk.length;
        done(null, chunk);
        return;
      }
      this.push(chunk.subarray(0, left));
      left = 0;
      setImmediate(() => duplex.destroy());
      done();
    },
  });
  const [near, far] = duplexPair();
  duplex.pipe(cut).pipe(far);
  far.pipe(duplex);
  duplex.on("close", () => far.destroy());
  far.on("close", () => duplex.destroy());
  return near;
}

describe("a connection that is cut", () => {
  it("after any number of bytes ends every call, with OK or UNAVAILABLE", async () => {
    let total = 0;
    const run = async (cutAt: number): Promise<(string | undefined)[]> => {
      const server = new Server().add(Echo, echo);
      const connect = (): Duplex => {
        const [clientSide, serverSide] = duplexPair();
        void server.serve(serverSide);
        if (cutAt === Number.POSITIVE_INFINITY) clientSide.on("data", (chunk: Buffer) => (total += chunk.length));
        return cutAt === Number.POSITIVE_INFINITY ? clientSide : cutAfter(clientSide, cutAt);
      };
      const channel = new Channel({ connect });
      const outcomes = await allCalls(createClient(Echo, channel));
      await channel.close({ closeTimeoutMs: 0 });
      await server.close({ closeTimeoutMs: 0 });
      return outcomes;
    };
    expect(await run(Number.POSITIVE_INFINITY)).toEqual([undefined, undefined, undefined, undefined, undefined]);
    expect(total).toBeGreaterThan(500);
    let failures = 0;
    for (let cutAt = 1; cutAt < total; cutAt += 7) {
      for (const outcome of await run(cutAt)) {
        expect([undefined, "UNAVAILABLE"]).toContain(outcome);
        if (outcome !== undefined) failures += 1;
      }
    }
    expect(failures).toBeGreaterThan(100);
  });
});

describe("a call whose promises nobody looks at", () => {
  it("does not end the process when it fails", async () => {
    const server = new RawServer();
    const client = createClient(Echo, server.channel);
    const call = client.chat.open();
    void call.start();
    void call.receiveInitialMetadata();
    for (let index = 0; index < 10; index++) void call.send({});
    await until(() => server.requests.length === 1, "the request");
    for (let index = 0; index < 30; index++) void call.send({ payload: new Uint8Array(100_000) });
    void call.sendEof();
    server.connections[0]?.duplex.destroy();
    expect(await rejection(call.receive())).toMatchObject({ status: Status.UNAVAILABLE });
    void call.send({});
    await settle();
    await server.close();
  });

  it("nor one of a server", async () => {
    const served = channelFor([
      [
        Echo,
        {
          chat: {
            async open(call) {
              await new Promise((resolve) => call.signal.addEventListener("abort", resolve));
              void call.send({});
              void call.sendInitialMetadata();
              void call.sendTrailingMetadata();
              await settle();
            },
          },
        },
      ],
    ]);
    const call = createClient(Echo, served.channel).chat.open();
    await call.start();
    await settle();
    call.cancel();
    await settle();
    await served.close();
  });
});

describe("calls that end in every way", () => {
  it("leave no stream, no place and no appointment behind", async () => {
    const clock = new VirtualClock();
    const served = channelFor(
      [
        [
          Echo,
          {
            ...echo,
            expand: {
              open: (call) => new Promise((resolve) => call.signal.addEventListener("abort", () => resolve())),
            },
          },
        ],
      ],
      {
        channel: { clock },
        server: { clock, maxConcurrentStreams: 4, onError: () => {} },
      },
    );
    const client = createClient(Echo, served.channel);
    const options = { deadline: Deadline.after(3_600_000, clock) };
    for (let round = 0; round < 50; round++) {
      const cancelled = client.expand.open(options);
      const abandoned = client.chat.open(options);
      await Promise.all([cancelled.send({}), abandoned.send({})]);
      const reply = client.say({ text: "fine" }, options);
      await settle(2);
      cancelled.cancel();
      abandoned.abort();
      const late = rejection(client.expand.open({ deadline: Deadline.after(10, clock) }).receive());
      await reply;
      await settle(4);
      clock.advance(10);
      expect((await late).status).toBe(Status.DEADLINE_EXCEEDED);
    }
    await served.close();
    expect(clock.pending).toBe(0);
  });

  it("free their streams at the server, whatever a client does to them", async () => {
    const action = fc.record({
      method: fc.constantFrom("Say", "Expand", "Collect", "Chat", "Nothing"),
      headers: fc.constantFrom(
        {},
        { "grpc-timeout": "1m" },
        { "grpc-timeout": "x" },
        { "content-type": "text/html" },
        { "grpc-encoding": "gzip" },
      ),
      bytes: fc.oneof(
        fc.uint8Array({ maxLength: 40 }),
        fc.uint8Array({ maxLength: 20 }).map((body) => framed(body)),
      ),
      afterwards: fc.constantFrom("end", "reset", "nothing", "trailers"),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 12 }), async (actions) => {
        const server = new Server({ onError: () => {}, maxReceiveMessageBytes: 100 }).add(Echo, echo);
        const client = new RawClient();
        const served = server.serve(client.serverSide);
        for (const { method, headers, bytes, afterwards } of actions) {
          const { stream } = client.request(`/trunkline.test.v1.Echo/${method}`, headers);
          await settle(1);
          stream.sendData(bytes, { endStream: afterwards === "end" });
          if (afterwards === "reset") stream.reset(8);
          if (afterwards === "trailers") stream.sendHeaders([{ name: "a", value: "b" }], { endStream: true });
        }
        await settle(3);
        // It still serves, and is over in order once the client has gone.
        const last = client.request("/trunkline.test.v1.Echo/Say");
        last.stream.sendData(framed(new Uint8Array(0)), { endStream: true });
        await until(() => last.ended, "the last answer");
        expect(last.trailers).toEqual({ "grpc-status": "0" });
        client.driver.destroy();
        await served;
        await server.close();
      }),
      { numRuns: 60 },
    );
  });
});

it("an answer in any order of header sections, messages and ends settles its call", async () => {
  const step = fc.constantFrom("headers", "message", "half a message", "trailers", "end", "reset", "go away");
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 6 }), async (steps) => {
      const server = new RawServer();
      server.onWhole = ({ stream }) => {
        let sent = false;
        let ended = false;
        for (const each of steps) {
          if (ended) break;
          if (each === "headers" && !sent) {
            stream.sendHeaders(responseHeaders, { endStream: false });
            sent = true;
          } else if (each === "message" && sent) stream.sendData(framed(new Uint8Array(0)), { endStream: false });
          else if (each === "half a message" && sent) stream.sendData(new Uint8Array(3), { endStream: false });
          else if (each === "trailers" || each === "end") {
            stream.sendHeaders(sent ? [{ name: "grpc-status", value: "0" }] : responseHeaders, {
              endStream: true,
            });
            ended = true;
          } else if (each === "reset") {
            stream.reset(2);
            ended = true;
          } else if (each === "go away") server.http2.goAway(0);
        }
        if (!ended) stream.reset(2);
        stream.release();
      };
      const client = createClient(Echo, server.channel);
      const stepwise = async (): Promise<void> => {
        const call = client.chat.open();
        await call.sendEof();
        await call.receiveInitialMetadata();
        await collect(call);
        await call.receiveTrailingMetadata();
      };
      const outcomes = await Promise.allSettled([
        client.say({}),
        collect(client.expand({})),
        stepwise(),
        client.collect([]),
      ]);
      for (const outcome of outcomes) {
        if (outcome.status === "rejected") expect(outcome.reason).toBeInstanceOf(GrpcError);
      }
      await server.close();
    }),
    { numRuns: 100 },
  );
});
