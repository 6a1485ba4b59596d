/** Flow control at work on a long, fast link in virtual time: 1 Gbit/s, 100 ms there and back. */
import { describe, expect, it, vi } from "vitest";
import { ByteQueue } from "../../src/bytes/byte-queue.js";
import { IdMap } from "../../src/connection/id-map.js";
import { ReceiveWindows } from "../../src/connection/receive-windows.js";
import { Scheduler } from "../../src/connection/scheduler.js";
import { StreamTable } from "../../src/connection/stream-table.js";
import {
  Connection,
  type ConnectionHandler,
  type ConnectionOptions,
  type Http2Stream,
  type StreamHandler,
} from "../../src/index.js";
import { FrameType, Link } from "../../src/testing/index.js";
import { request, response } from "../support/endpoint.js";
import { Engine } from "../support/engine.js";

const bytesPerMs = 125_000;
const roundTripMs = 100;
const chunk = new Uint8Array(2 ** 20);

type Options = Omit<ConnectionOptions, "role">;

/**
 * Sends as fast as it may on each stream that is there, and counts what comes in; reads all but the streams in
 * `unread`.
 */
class End implements ConnectionHandler {
  readonly connection: Connection;
  readonly unread: Set<number> = new Set();
  readonly sends: boolean;
  /** The bytes of streams that are read; `unreadBytes` counts those of the others. */
  bytes = 0;
  unreadBytes = 0;

  constructor(role: "client" | "server", sends: boolean, options: Options = {}) {
    this.sends = sends;
    this.connection = new Connection({ ...options, role }, this);
  }

  open(): number {
    const half = new Half(this);
    const stream = this.connection.openStream(half) as Http2Stream;
    half.stream = stream;
    stream.sendHeaders(request, { endStream: false });
    half.onWritable();
    return stream.id;
  }

  onRequest(stream: Http2Stream): Half {
    const half = new Half(this);
    half.stream = stream;
    stream.sendHeaders(response, { endStream: false });
    half.onWritable();
    return half;
  }

  onClose(): void {}
}

/** One stream of an end. */
class Half implements StreamHandler {
  readonly #end: End;
  stream: Http2Stream | undefined = undefined;

  constructor(end: End) {
    this.#end = end;
  }

  onHeaders(): void {
    this.onWritable();
  }

  onWritable(): void {
    while (this.#end.sends && this.stream?.isWritable) this.stream.sendData(chunk, { endStream: false });
  }

  onData(data: Uint8Array): void {
    if (this.#end.unread.has(this.stream?.id ?? 0)) {
      this.#end.unreadBytes += data.length;
      return;
    }
    this.#end.bytes += data.length;
    this.stream?.acknowledge(data.length);
  }

  onTrailers(): void {}
  onReset(): void {}
}

const directions = ["upload", "download"] as const;

function ends(direction: (typeof directions)[number], receives: Options = {}) {
  const up = direction === "upload";
  const client = new End("client", up, up ? {} : receives);
  const server = new End("server", !up, up ? receives : {});
  const link = new Link(client.connection, server.connection, { delayMs: roundTripMs / 2, bytesPerMs });
  link.run();
  const receiver = up ? server : client;
  /** Bytes a millisecond over so many round trips, of the streams that are read. */
  const rate = (roundTrips: number): number => {
    const before = receiver.bytes;
    link.run(link.nowMs + roundTrips * roundTripMs);
    return (receiver.bytes - before) / (roundTrips * roundTripMs);
  };
  return { client, receiver, rate };
}

describe.each(directions)("an %s over 1 Gbit/s and 100 ms", (direction) => {
  it("takes nine tenths of the link within 20 round trips", () => {
    const { client, rate } = ends(direction);
    client.open();
    rate(20);
    expect(rate(5)).toBeGreaterThan(0.9 * bytesPerMs);
  });

  it("moves a window a round trip where windows stay at 64 KiB: the theoretical rate", () => {
    const { client, rate } = ends(direction, { limits: { maxStreamWindow: 65_536 } });
    client.open();
    rate(2);
    expect(rate(20) / (65_536 / roundTripMs)).toBeGreaterThan(0.95);
    expect(rate(20) / (65_536 / roundTripMs)).toBeLessThanOrEqual(1.05);
  });

  it("of 100 streams runs at full speed beside one that is never read", () => {
    const { client, receiver, rate } = ends(direction);
    receiver.unread.add(client.open());
    for (let stream = 0; stream < 100; stream++) client.open();
    rate(20);
    expect(rate(3)).toBeGreaterThan(0.9 * bytesPerMs);
    expect(receiver.unreadBytes).toBe(65_536);
  });

  it("that nobody reads holds no more than maxBufferedBytesPerConnection, whatever the number of streams", () => {
    const maxBufferedBytesPerConnection = 1_000_000;
    const { client, receiver, rate } = ends(direction, { limits: { maxBufferedBytesPerConnection } });
    for (let stream = 0; stream < 100; stream++) receiver.unread.add(client.open());
    rate(50);
    expect(receiver.unreadBytes).toBeLessThanOrEqual(maxBufferedBytesPerConnection);
    expect(receiver.unreadBytes).toBeGreaterThan(0.8 * maxBufferedBytesPerConnection);
  });
});

describe("10,000 open streams, each with data behind a closed window", () => {
  const classes = [IdMap, StreamTable, Scheduler, ReceiveWindows, ByteQueue];

  /** Returns how often each method of the classes that know streams is called for one stream that is at work. */
  function calls(waiting: number): Record<string, number> {
    const engine = Engine.ready("client");
    // Windows of 0: nothing may be sent.
    engine.send(engine.peer.settings([[4, 0]]), engine.peer.windowUpdate(0, 2 ** 30));
    const open = () => {
      const streamId = engine.openBare();
      engine.stream(streamId).sendHeaders(request, { endStream: false });
      engine.stream(streamId).sendData(new Uint8Array(100), { endStream: false });
      if (streamId % 1_000 === 1) engine.output();
      return streamId;
    };
    for (let stream = 0; stream < waiting; stream++) open();
    const active = open();
    engine.send(engine.peer.headers(active, response));
    engine.output();
    const counted = classes.flatMap((each) => {
      const prototype = each.prototype as unknown as Record<string, () => unknown>;
      const methods = Object.entries(Object.getOwnPropertyDescriptors(prototype)).filter(
        ([name, { value }]) => name !== "constructor" && value,
      );
      return methods.map(([name]) => ({ name: `${each.name}.${name}`, spy: vi.spyOn(prototype, name) }));
    });
    let sent = 0;
    for (let turn = 0; turn < 50; turn++) {
      engine.stream(active).sendData(new Uint8Array(20_000), { endStream: false });
      engine.send(engine.peer.windowUpdate(active, 20_000), engine.peer.data(active, [1, 2, 3]));
      engine.stream(active).acknowledge(3);
      for (const { type, payload } of engine.output()) if (type === FrameType.DATA) sent += payload.length;
    }
    const result = Object.fromEntries(counted.map(({ name, spy }) => [name, spy.mock.calls.length]));
    for (const { spy } of counted) spy.mockRestore();
    expect(sent).toBe(50 * 20_000);
    return result;
  }

  it("add nothing to the work of one that is active, and nothing ever goes through all of them", () => {
    const among = calls(10_000);
    expect(among).toEqual(calls(0));
    expect(among).toMatchObject({ "StreamTable.all": 0, "IdMap.values": 0 });
    expect(among["ByteQueue.moveTo"]).toBeGreaterThanOrEqual(100);
  });
});
