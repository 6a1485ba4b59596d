import { Duplex } from "node:stream";
import type { Clock } from "@trunkline/base";
import { afterEach, describe, expect, it } from "vitest";
import { Connection, ErrorCode } from "../../src/index.js";
import {
  ConnectionDriver,
  connectSocket,
  duplexTransport,
  HttpConnection,
  type HttpHandler,
  type Transport,
  type TransportEvents,
} from "../../src/node/index.js";
import { clientPreface, FrameFactory, FrameType, parseFrames, RecordingHandler } from "../../src/testing/index.js";
import { pattern, request } from "../support/endpoint.js";
import { Cleanup, dial, duplexPair, serve } from "../support/sockets.js";

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const echo: HttpHandler = async (stream) => {
  stream.sendHeaders([{ name: ":status", value: "200" }]);
  for await (const chunk of stream) await stream.send(chunk);
  stream.sendHeaders([], true);
};

/** Time that passes when the test says so. */
class ManualClock {
  now = 0;
  #appointments: { at: number; callback: () => void }[] = [];

  nowMs(): number {
    return this.now;
  }

  at(at: number, callback: () => void): () => void {
    const appointment = { at, callback };
    this.#appointments.push(appointment);
    return () => {
      this.#appointments = this.#appointments.filter((each) => each !== appointment);
    };
  }

  advance(ms: number): void {
    this.now += ms;
    for (const { at, callback } of this.#appointments.filter(({ at }) => at <= this.now)) {
      this.#appointments = this.#appointments.filter((each) => each.at !== at);
      callback();
    }
  }
}

/** Two transports: what is written to one is received by the other before the write returns. */
function immediatePair(): [Transport, Transport] {
  const receivers: (TransportEvents | undefined)[] = [undefined, undefined];
  const early: Uint8Array[][] = [[], []];
  const end = (own: 0 | 1): Transport => ({
    start(events) {
      receivers[own] = events;
      for (const chunk of early[own] as Uint8Array[]) events.onData(chunk);
    },
    write(chunks) {
      const other = own === 0 ? 1 : 0;
      for (const chunk of chunks) {
        if (receivers[other] === undefined) early[other]?.push(chunk);
        else receivers[other].onData(chunk);
      }
      return true;
    },
    pause() {},
    resume() {},
    writableLength: 0,
    end() {},
    destroy() {},
  });
  return [end(0), end(1)];
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

describe("the driver", () => {
  it("keeps order where a transport in memory answers within a write, and callbacks do so at once", async () => {
    const [a, b] = immediatePair();
    const ok = [{ name: ":status", value: "200" }];
    let answered = 0;
    const rest = { onData() {}, onTrailers() {}, onReset() {}, onWritable() {} };
    const server = new Connection(
      { role: "server", settings: { maxConcurrentStreams: 10_000 } },
      {
        onRequest(stream) {
          stream.sendHeaders([...ok, { name: "number", value: String(stream.id) }], { endStream: true });
          return undefined;
        },
        onClose() {},
      },
    );
    const client = new Connection({ role: "client" }, { onSettings: () => ask(30), onClose() {} });
    let asked = 0;
    const ask = (count: number): void => {
      for (let one = 0; one < count; one++) {
        const stream = client.openStream({
          ...rest,
          onHeaders(fields) {
            stream?.release();
            expect(fields.at(-1)?.value).toBe(String(stream?.id));
            answered += 1;
            expect(stream?.id).toBe(2 * answered - 1);
            if (answered <= 500) ask(2);
          },
        });
        if (stream === undefined) throw new Error("no stream");
        asked += 1;
        stream.sendHeaders(request, { endStream: true });
      }
    };
    const drivers = [new ConnectionDriver(server, a), new ConnectionDriver(client, b)];
    while (answered < 1_030 && !client.closed && !server.closed) await turns(1);
    expect([client.closed, server.closed, asked, answered]).toEqual([false, false, 1_030, 1_030]);
    for (const driver of drivers) driver.destroy();
  });

  it("pumps over any pair of duplexes", async () => {
    const [a, b] = duplexPair();
    const server = HttpConnection.accept(a, echo);
    const client = HttpConnection.connect(b);
    for (const size of [1, 2 ** 20]) {
      const stream = await client.request(request);
      void stream.send(pattern(size), true);
      expect(Buffer.from(await stream.body()).equals(pattern(size))).toBe(true);
      stream.release();
    }
    await client.close();
    await server.driver.done;
    expect([client.error, server.error]).toEqual([undefined, undefined]);
  });

  it("gathers what became ready in one turn into one write", async () => {
    const [a, b] = duplexPair();
    HttpConnection.accept(a, echo);
    const client = HttpConnection.connect(b);
    await (await client.request(request)).headers();
    let writes = 0;
    const { write } = b;
    b.write = ((...parts: Parameters<typeof write>) => {
      writes += 1;
      return write.apply(b, parts);
    }) as typeof write;
    const streams = await Promise.all(Array.from({ length: 50 }, () => client.request(request)));
    await Promise.all(streams.map((stream) => stream.headers()));
    expect(writes).toBeLessThan(5);
    client.driver.destroy();
  });

  it("destroyed at once ends every stream with a break and resolves done", async () => {
    const { target, connections } = await serve("tcp", cleanup, echo);
    const client = await dial(target, "tcp", cleanup);
    const stream = await client.request(request);
    await stream.headers();
    client.driver.destroy(new Error("enough"));
    await expect(stream.body()).rejects.toMatchObject({
      scope: "connection",
      message: expect.stringContaining("enough"),
    });
    await client.driver.done;
    await connections[0]?.driver.done;
    client.driver.destroy();
    client.driver.close();
  });

  it("half-closes after an error of the peer, so that the peer can read why", async () => {
    const { target } = await serve("tcp", cleanup, echo);
    const socket = await connectSocket(target);
    const received: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => received.push(chunk));
    socket.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
    await new Promise((resolve, reject) => {
      socket.on("end", resolve);
      socket.on("error", reject);
    });
    expect(Buffer.concat(received).toString("latin1")).toContain("not an HTTP/2 client");
    socket.destroy();
  });

  it("cuts a finished connection that the peer does not close", async () => {
    const clock = new ManualClock();
    const [a, b] = duplexPair();
    const driver = new ConnectionDriver(
      new Connection({ role: "server" }, new RecordingHandler()),
      duplexTransport(a),
      {
        clock,
      },
    );
    b.write("not HTTP/2");
    await new Promise((resolve) => b.once("readable", resolve));
    await new Promise((resolve) => setImmediate(resolve));
    expect(a.destroyed).toBe(false);
    clock.advance(1_000); // our GOAWAY was written in it: a sign of life
    clock.advance(1_000);
    await driver.done;
    expect(a.destroyed).toBe(true);
  });

  it("gives up a handshake that does not come", async () => {
    const clock = new ManualClock();
    const [a] = duplexPair();
    const handler = new RecordingHandler();
    const driver = new ConnectionDriver(new Connection({ role: "server" }, handler), duplexTransport(a), {
      clock,
    });
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(10_000);
    expect(handler.of("close")).toMatchObject([{ error: { code: "SETTINGS_TIMEOUT" } }]);
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(1_000);
    await driver.done;
  });

  it("stops reading from a peer that does not read, and gives it up after 10 s", async () => {
    const clock = new ManualClock();
    const written: Buffer[] = [];
    const stuck = new Duplex({ read() {}, write: (chunk: Buffer) => void written.push(chunk) });
    const handler = new RecordingHandler();
    const connection = new Connection({ role: "client", limits: { maxQueuedControlBytes: 1_024 } }, handler);
    const driver = new ConnectionDriver(connection, duplexTransport(stuck), { clock });
    const peer = new FrameFactory();
    stuck.push(peer.settings());
    const stream = handler.open(connection);
    stream?.sendHeaders(request, { endStream: false });
    stream?.sendData(Buffer.alloc(60_000), { endStream: false }); // more than the transport takes
    await new Promise((resolve) => setImmediate(resolve));
    for (let turn = 0; turn < 90; turn++) stuck.push(peer.ping());
    await new Promise((resolve) => setImmediate(resolve));
    expect(connection.wantsInput).toBe(false);
    expect(stuck.isPaused()).toBe(true);
    clock.advance(10_000);
    expect(handler.of("close")).toMatchObject([{ error: { code: "ENHANCE_YOUR_CALM" } }]);
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(1_000);
    await turns(1); // what it had sent before is read and dropped
    clock.advance(1_000);
    clock.advance(1_000);
    await driver.done;
  });

  it("gives up a silent peer where a write in the middle of a turn was the last that the transport took", async () => {
    const clock = new ManualClock();
    let takes = true;
    const socket = new Duplex({
      writableHighWaterMark: 1,
      read() {},
      write: (_chunk, _encoding, done) => {
        if (takes) done();
      },
    });
    const handler = new RecordingHandler();
    const connection = new Connection({ role: "server" }, handler);
    const driver = new ConnectionDriver(connection, duplexTransport(socket), { clock });
    const peer = new FrameFactory();
    const requests = Array.from({ length: 25 }, (_, index) => peer.headers(2 * index + 1, request, 5));
    socket.push(Buffer.concat([clientPreface, peer.settings(), peer.settingsAck(), ...requests]));
    await turns(3);
    takes = false;
    // The last of them makes a batch, which is all there is to write.
    for (const { streamId } of handler.of("headers"))
      handler.stream(streamId).sendHeaders([{ name: ":status", value: "200" }], { endStream: true });
    await turns(2);
    clock.advance(108_000);
    await turns(2);
    clock.advance(11_999);
    expect(handler.of("close")).toEqual([]);
    clock.advance(1);
    expect(handler.of("close")).toMatchObject([{ error: { code: "ENHANCE_YOUR_CALM" } }]);
    driver.destroy();
  });

  it("does not let a peer that does not read keep a connection that is over", async () => {
    const clock = new ManualClock();
    const stuck = new Duplex({ read() {}, write() {} });
    const handler = new RecordingHandler();
    const connection = new Connection({ role: "client" }, handler);
    const driver = new ConnectionDriver(connection, duplexTransport(stuck), { clock });
    stuck.push(new FrameFactory().settings());
    const stream = handler.open(connection);
    stream?.sendHeaders(request, { endStream: false });
    stream?.sendData(Buffer.alloc(60_000), { endStream: false });
    await turns(2);
    stuck.push(new FrameFactory().ping([1]));
    await turns(2);
    expect(handler.of("close")).toMatchObject([{ error: { code: "FRAME_SIZE_ERROR" } }]);
    expect(stuck.writableEnded).toBe(true);
    clock.advance(1_000);
    await driver.done;
  });

  it("gives a slow peer the time it needs for our last bytes, and a dead one a second", async () => {
    const clock = new ManualClock();
    let pending: (() => void) | undefined;
    const slow = new Duplex({
      read() {},
      write: (_chunk: Buffer, _encoding, done) => {
        pending = done;
      },
    });
    const handler = new RecordingHandler();
    const connection = new Connection({ role: "client" }, handler);
    const driver = new ConnectionDriver(connection, duplexTransport(slow), { clock });
    slow.push(new FrameFactory().settings());
    await turns(2);
    for (let stream = 0; stream < 3; stream++) handler.open(connection);
    connection.goAway(ErrorCode.INTERNAL_ERROR);
    await turns(2);
    for (let written = 0; written < 2; written++) {
      pending?.();
      await turns(2);
      clock.advance(1_000);
      expect(slow.destroyed).toBe(false);
    }
    slow.push(new FrameFactory().ping()); // still there
    await turns(2);
    clock.advance(1_000);
    expect(slow.destroyed).toBe(false);
    clock.advance(1_000);
    await driver.done;
    expect(slow.destroyed).toBe(true);
  });

  it("takes a duplex that is already gone", async () => {
    const [a] = duplexPair();
    a.destroy(new Error("gone"));
    const client = HttpConnection.connect(a);
    await client.driver.done;
    expect(client.error).toMatchObject({ message: "connection lost: gone" });
  });
});

describe("a driver whose transport tells what it is given", () => {
  function watched(clock: Clock) {
    const written: number[] = [];
    let events: TransportEvents | undefined;
    const transport: Transport = {
      start(given) {
        events = given;
      },
      write: (chunks) => written.push(chunks.length) > 0,
      pause() {},
      resume() {},
      writableLength: 0,
      end() {},
      destroy() {},
    };
    const connection = new Connection(
      { role: "client", limits: { handshakeTimeoutMs: 1_000 } },
      new RecordingHandler(),
    );
    const driver = new ConnectionDriver(connection, transport, { clock });
    return { connection, driver, transport, written, events: () => events as TransportEvents };
  }

  it("goes on with what has come while it wrote a batch in the middle of a turn", async () => {
    const { connection, driver, events, transport } = watched(new ManualClock());
    const peer = new FrameFactory();
    for (const frame of [peer.settings(), peer.settingsAck()]) events().onData(frame);
    await turns(2);
    const types: number[][] = [];
    transport.write = (chunks) => {
      if (types.length === 0) events().onData(peer.ping([1, 2, 3, 4, 5, 6, 7, 8]));
      types.push(parseFrames(Buffer.concat(chunks)).map(({ type }) => type));
      return true;
    };
    const handler = { onData() {}, onTrailers() {}, onReset() {}, onWritable() {} };
    for (let count = 0; count < 25; count++) connection.openStream(handler)?.sendHeaders(request, { endStream: true });
    expect(types.length).toBe(1);
    await turns(3);
    expect(types.slice(1).flat()).toEqual([FrameType.PING]);
    driver.destroy();
  });

  it("writes nothing to a transport that is closed", async () => {
    const { written, events, driver } = watched(new ManualClock());
    events().onClose(undefined);
    await driver.done;
    await turns(2);
    expect(written).toEqual([]);
  });

  it("sets a timer again that has come a moment before its time", async () => {
    const appointments: { at: number; callback: () => void }[] = [];
    let now = 0;
    const clock: Clock = {
      nowMs: () => now,
      at(at, callback) {
        appointments.push({ at, callback });
        return () => {};
      },
    };
    const { connection } = watched(clock);
    await turns(2);
    for (let count = 0; count < 20 && !connection.closed; count++) {
      const { at, callback } = appointments.at(-1) as (typeof appointments)[number];
      now = Math.max(now, count % 2 === 0 ? at - 1 : at);
      const before = appointments.length;
      callback();
      if (count % 2 === 0) expect(appointments.length).toBe(before + 1);
    }
    expect(connection.closed).toBe(true);
  });
});
