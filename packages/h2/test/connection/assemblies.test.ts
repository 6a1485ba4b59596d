/** Messages that come in part: their bytes stay in the connection's budget, and yet each can be finished. */
import { describe, expect, it } from "vitest";
import { Assemblies } from "../../src/connection/assemblies.js";
import type { ConnectionOptions, Http2Stream, StreamHandler } from "../../src/index.js";
import { Connection, ErrorCode } from "../../src/index.js";
import type { Stream } from "../../src/stream/stream.js";
import { FrameType, Link } from "../../src/testing/index.js";
import { connectedPair, pattern, request } from "../support/endpoint.js";
import { Engine } from "../support/engine.js";

const mib = 2 ** 20;

/**
 * A server that takes requests as messages of `messageBytes`, and acknowledges each when it is whole, as a gRPC server
 * does.
 */
class MessageServer {
  readonly connection: Connection;
  readonly messageBytes: number;
  readonly streams: Map<number, Http2Stream> = new Map();
  /** The streams whose message has come, in order. */
  readonly whole: number[] = [];
  readonly exhausted: number[] = [];
  unread = 0;
  mostUnread = 0;
  /** Handles a stream that the budget has no room for. */
  onExhausted: (stream: Http2Stream) => void = (stream) => {
    stream.reset(ErrorCode.ENHANCE_YOUR_CALM);
    stream.release();
  };

  constructor(messageBytes: number, options: Omit<ConnectionOptions, "role">) {
    this.messageBytes = messageBytes;
    this.connection = new Connection(
      { ...options, role: "server" },
      { onRequest: (stream) => this.#serve(stream), onClose() {} },
    );
  }

  #serve(stream: Http2Stream): StreamHandler {
    this.streams.set(stream.id, stream);
    let received = 0;
    const lose = (): void => {
      this.unread -= received;
    };
    return {
      onData: (data) => {
        if (received === 0 && data.length < this.messageBytes) stream.extendWindow(this.messageBytes - data.length);
        received += data.length;
        this.unread += data.length;
        this.mostUnread = Math.max(this.mostUnread, this.unread);
        if (received < this.messageBytes) return;
        this.unread -= received;
        this.whole.push(stream.id);
        stream.acknowledge(received);
        stream.release();
      },
      onTrailers() {},
      onReset: lose,
      onWritable() {},
      onBudgetExhausted: () => {
        this.exhausted.push(stream.id);
        lose();
        received = 0;
        this.onExhausted(stream);
      },
    };
  }
}

const sender: StreamHandler = { onData() {}, onTrailers() {}, onReset() {}, onWritable() {} };

function setUp(messageBytes: number, budgetBytes: number) {
  const sent = pattern(messageBytes);
  const server = new MessageServer(messageBytes, {
    settings: { maxConcurrentStreams: 10_000 },
    limits: { maxBufferedBytesPerConnection: budgetBytes },
  });
  const client = new Connection({ role: "client" }, { onClose() {} });
  const link = new Link(client, server.connection, { delayMs: 5, bytesPerMs: 50_000 });
  link.run();
  const upload = (bytes: number): Http2Stream => {
    const stream = client.openStream(sender) as Http2Stream;
    stream.sendHeaders(request, { endStream: false });
    stream.sendData(sent.subarray(0, bytes), { endStream: bytes === messageBytes });
    return stream;
  };
  return { client, server, link, upload };
}

describe("messages in the making", () => {
  it("that are larger than the window come whole, though nothing of them is acknowledged before", () => {
    const { server, link, upload } = setUp(4 * mib, 32 * mib);
    upload(4 * mib);
    link.run();
    expect(server.whole).toEqual([1]);
  });

  it("stay in the budget: 1,000 that are never finished hold no more than one and a half of it", () => {
    const { server, link, upload } = setUp(4 * mib, 8 * mib);
    for (let count = 0; count < 1_000; count++) upload(4 * mib - 1);
    link.run(9_000);
    expect(server.mostUnread).toBeGreaterThan(2 * mib);
    expect(server.mostUnread).toBeLessThanOrEqual(12 * mib);
  });

  it("are all finished where 60 of them side by side are far larger than the budget", () => {
    const { server, link, upload } = setUp(2 * mib, 6 * mib);
    for (let count = 0; count < 60; count++) upload(2 * mib);
    link.run(60_000);
    expect(server.exhausted).toEqual([]);
    expect(server.whole).toHaveLength(60);
    expect(server.mostUnread).toBeLessThanOrEqual(9 * mib);
  });

  it("that stand still while others wait are told of, and make room for those that go on", () => {
    const { server, link, upload } = setUp(2 * mib, 8 * mib);
    const stuck = [upload(mib), upload(mib)];
    link.run(link.nowMs + 100);
    const whole = upload(2 * mib);
    link.run(link.nowMs + 9_000);
    expect(server.exhausted).toEqual([]);
    link.run(link.nowMs + 4_000);
    expect(server.exhausted).toEqual(stuck.map(({ id }) => id));
    expect(server.whole).toEqual([whole.id]);
  });

  it("whose stream was reset because of another one are not told of", () => {
    const { server, link, upload } = setUp(2 * mib, 8 * mib);
    for (let count = 0; count < 3; count++) upload(mib);
    server.onExhausted = () => {
      for (const stream of server.streams.values()) stream.reset(ErrorCode.ENHANCE_YOUR_CALM);
    };
    link.run(link.nowMs + 15_000);
    expect(server.exhausted).toEqual([1]);
  });

  it("may take as long as they like where nobody else wants the room", () => {
    const { client, server, link } = setUp(2 * mib, 4 * mib);
    const stream = client.openStream(sender) as Http2Stream;
    stream.sendHeaders(request, { endStream: false });
    for (let minute = 0; minute < 4; minute++) {
      stream.sendData(pattern(mib / 2), { endStream: minute === 3 });
      link.run(link.nowMs + 60_000);
    }
    expect(server.exhausted).toEqual([]);
    expect(server.whole).toEqual([1]);
  });

  it("give back what they held when their stream is reset by either side", () => {
    const { server, link, upload } = setUp(2 * mib, 4 * mib);
    const [first, second] = [upload(mib), upload(mib)];
    link.run(link.nowMs + 100);
    first?.reset(ErrorCode.CANCEL);
    server.streams.get(second?.id ?? 0)?.reset(ErrorCode.CANCEL);
    link.run(link.nowMs + 100);
    for (const stream of server.streams.values()) stream.release();
    for (let count = 0; count < 4; count++) upload(2 * mib);
    link.run(link.nowMs + 5_000);
    expect(server.whole).toHaveLength(4);
  });
});

describe("an extended window", () => {
  it("is back at its size when the message was acknowledged", () => {
    const pair = connectedPair({
      server: { settings: { initialWindowSize: 10_000 }, limits: { maxStreamWindow: 10_000 } },
    });
    pair.server.reads = false;
    const call = pair.client.open();
    call.stream.sendData(pattern(1_000_000), { endStream: false });
    pair.link.run();
    const { stream } = pair.server.inbox(call.id);
    expect(pair.server.inbox(call.id).bytes).toBe(10_000);
    expect(stream.extendWindow(90_000)).toBe(true);
    pair.link.run();
    expect(pair.server.inbox(call.id).bytes).toBe(100_000);
    stream.acknowledge(100_000);
    pair.link.run();
    expect(pair.server.inbox(call.id).bytes).toBe(110_000);
  });

  it("grows for a reader that keeps up with large messages", () => {
    const { client, server, link } = setUp(mib, 32 * mib);
    client.ping(link.nowMs);
    server.connection.ping(link.nowMs);
    link.run();
    const stream = client.openStream(sender) as Http2Stream;
    stream.sendHeaders(request, { endStream: false });
    stream.sendData(pattern(mib + 2 * mib), { endStream: false });
    link.run(link.nowMs + 200);
    expect(server.whole).toEqual([1]);
  });
});

describe("what is promised to messages in the making", () => {
  /** Messages with room for 500 bytes of them, and how many more bytes each stream was granted. */
  function promises() {
    const granted: number[] = [];
    const assemblies = new Assemblies(1_000, 10_000, (_stream, bytes) => void granted.push(bytes));
    const newStream = (): Stream => ({ receivedBytes: 0, assembly: undefined }) as Stream;
    const begin = (stream: Stream, bytes: number): boolean => assemblies.begin(stream, bytes, 0, 0);
    const receive = (stream: Stream, bytes: number): void => {
      const { assembly } = stream;
      stream.receivedBytes += bytes;
      if (assembly !== undefined) assemblies.received(assembly, bytes, 0, 0);
    };
    return { assemblies, granted, newStream, begin, receive };
  }

  it("falls by what has come of them", () => {
    const { begin, receive, newStream } = promises();
    const first = newStream();
    expect(begin(first, 300)).toBe(true);
    receive(first, 200);
    expect(begin(newStream(), 401)).toBe(false);
    const other = promises();
    other.begin(first, 300);
    other.receive(first, 200);
    expect(other.begin(newStream(), 400)).toBe(true);
  });

  it("falls by no more than was promised where more comes than the rest of the message", () => {
    const { begin, receive, newStream } = promises();
    const [first, second] = [newStream(), newStream()];
    begin(first, 100);
    begin(second, 300);
    receive(first, 250);
    expect(begin(newStream(), 201)).toBe(false);
  });

  it("is given back when a message is given up, and when its stream begins another", () => {
    const { assemblies, begin, granted, newStream } = promises();
    const [first, second, third] = [newStream(), newStream(), newStream()];
    begin(first, 300);
    begin(second, 100);
    begin(third, 300);
    expect(granted).toEqual([300, 100]);
    assemblies.end(first, 0, 0);
    expect(granted).toEqual([300, 100, 300]);
    begin(third, 400);
    expect(granted).toEqual([300, 100, 300, 400]);
    expect(assemblies.size).toBe(2);
  });
});

it("the bytes by which a window was extended are not granted again, and those after them are", () => {
  const engine = Engine.ready("server", { settings: { initialWindowSize: 65_535 } });
  const streamId = engine.openStream();
  const stream = engine.stream(streamId);
  stream.extendWindow(100_000);
  const granted = (): number =>
    engine
      .output()
      .filter((frame) => frame.type === FrameType.WINDOW_UPDATE && frame.streamId === streamId)
      .reduce((sum, { payload }) => sum + Buffer.from(payload).readUInt32BE(), 0);
  const receive = (bytes: number): void => {
    for (let rest = bytes; rest > 0; rest -= 10_000)
      engine.send(engine.peer.data(streamId, new Uint8Array(Math.min(rest, 10_000))));
  };
  const extension = granted();
  expect(extension).toBe(100_000 - 65_535);
  receive(100_000);
  stream.acknowledge(100_000);
  expect(granted()).toBe(65_535);
  receive(60_000);
  stream.acknowledge(60_000);
  expect(granted()).toBe(60_000);
});
