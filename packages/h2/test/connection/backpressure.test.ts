import { describe, expect, it } from "vitest";
import { connectedPair, pattern } from "../support/endpoint.js";
import { Engine } from "../support/engine.js";

describe("a sender", () => {
  it("is told to wait at the high-water mark and to go on below half of it", () => {
    const { client, server, link } = connectedPair({ server: { settings: { initialWindowSize: 20_000 } } });
    server.reads = false;
    const call = client.open();
    link.run();
    expect(client.stream(call.id).isWritable).toBe(true);
    client.stream(call.id).sendData(pattern(20_000 + 65_535), { endStream: false });
    link.run();
    expect(client.stream(call.id).bufferedBytes).toBe(65_535);
    expect(client.stream(call.id).isWritable).toBe(true);
    client.stream(call.id).sendData(pattern(1), { endStream: false });
    expect(client.stream(call.id).isWritable).toBe(false);
    server.stream(call.id).acknowledge(20_000);
    link.run();
    expect(call.writableCalls).toBe(0);
    server.stream(call.id).acknowledge(20_000);
    link.run();
    expect(client.stream(call.id).bufferedBytes).toBeLessThanOrEqual(32_768);
    expect(call.writableCalls).toBe(1);
  });

  it("is told once a question, and not at all if it did not ask", () => {
    const { client, link } = connectedPair();
    const [asks, silent] = [client.open(), client.open()];
    for (const call of [asks, silent]) client.stream(call.id).sendData(pattern(1_000_000), { endStream: false });
    expect(client.stream(asks.id).isWritable).toBe(false);
    expect(client.stream(asks.id).isWritable).toBe(false);
    link.run();
    expect(asks.writableCalls).toBe(1);
    expect(silent.writableCalls).toBe(0);
  });

  it("is told with any high-water mark, down to one byte", () => {
    for (const streamSendHighWaterMark of [1, 2, 3, 100]) {
      const { client, link } = connectedPair({ client: { limits: { streamSendHighWaterMark } } });
      const call = client.open();
      client.stream(call.id).sendData(pattern(100_000), { endStream: false });
      expect(client.stream(call.id).isWritable).toBe(false);
      link.run();
      expect(call.writableCalls).toBe(1);
      expect(client.stream(call.id).isWritable).toBe(true);
    }
  });

  it("may send from inside onWritable, and end", () => {
    const { client, server, link } = connectedPair();
    const call = client.open();
    let left = 40;
    const feed = () => {
      while (left > 0 && client.stream(call.id).isWritable) {
        left -= 1;
        client.stream(call.id).sendData(pattern(50_000, left), { endStream: left === 0 });
      }
    };
    client.onWritableAgain = feed;
    feed();
    link.run();
    expect(server.inbox(call.id)).toMatchObject({ bytes: 40 * 50_000, ended: true });
  });

  it("holds no more than a batch in the output, whatever waits on the streams", () => {
    const { client } = connectedPair({ server: { settings: { initialWindowSize: 2 ** 24 } } });
    const call = client.open();
    client.stream(call.id).sendData(Buffer.alloc(2 ** 24), { endStream: true });
    const bytes = client.connection.takeOutput().reduce((sum, chunk) => sum + chunk.length, 0);
    expect(bytes).toBeGreaterThan(100_000);
    expect(bytes).toBeLessThan(262_144 + 16_384 + 100);
  });

  it("is heard once by the driver however much it sends in one turn", () => {
    const { client } = connectedPair();
    let announced = 0;
    client.connection.attach({
      onOutput: () => {
        announced += 1;
      },
    });
    for (let turn = 0; turn < 3; turn++) {
      const call = client.open();
      for (let write = 0; write < 10; write++) client.stream(call.id).sendData(pattern(10), { endStream: false });
    }
    expect(announced).toBe(1);
    client.connection.takeOutput();
    client.open();
    expect(announced).toBe(2);
  });
});

it("a driver is told once the connection's window opens for a stream that waits for nothing else", () => {
  const engine = Engine.ready("client", { limits: { connectionSendHighWaterMark: 1 } });
  const [full, waiting] = [engine.openStream(), engine.openStream()];
  // 100 bytes wait for both windows, so that the connection is at its mark.
  engine.stream(full).sendData(new Uint8Array(65_535 + 100), { endStream: false });
  engine.output();
  expect(engine.stream(waiting).isWritable).toBe(false);
  let told = 0;
  engine.connection.attach({ onOutput: () => void told++, nowMs: () => 0 });
  engine.send(engine.peer.windowUpdate(0, 1_000));
  expect(told).toBe(1);
  engine.handler.events.length = 0;
  engine.output();
  expect(engine.handler.events).toEqual([{ kind: "writable", streamId: waiting }]);
});
