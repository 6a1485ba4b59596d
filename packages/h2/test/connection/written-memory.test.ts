/** The sender of data learns when its memory is its own again. */
import { describe, expect, it } from "vitest";
import { connectedPair, pattern } from "../support/endpoint.js";
import { Engine } from "../support/engine.js";

/** Takes what the engine has to write. Returns its bytes, after calling what waits for them where they get written. */
function write({ connection }: Engine, isWritten = true): number {
  let bytes = 0;
  for (let chunks = connection.takeOutput(); chunks.length > 0; chunks = connection.takeOutput()) {
    for (const chunk of chunks) bytes += chunk.length;
    const callbacks = connection.takeCallbacks() ?? [];
    if (isWritten) for (const callback of callbacks) callback();
  }
  return bytes;
}

/** An engine with a stream that may send `windowBytes`. */
function sender(windowBytes: number): { engine: Engine; streamId: number; told: string[] } {
  const engine = new Engine("client");
  engine.send(
    engine.peer.settings([[4, windowBytes]]),
    engine.peer.settingsAck(),
    engine.peer.windowUpdate(0, 1_000_000),
  );
  const streamId = engine.openStream();
  write(engine);
  return { engine, streamId, told: [] };
}

describe("the memory of data that was sent", () => {
  it("is told of in order, once the last byte of each has been written", () => {
    const { engine, streamId, told } = sender(60_000);
    const stream = engine.stream(streamId);
    stream.sendData(pattern(10_000), { endStream: false, onWritten: () => told.push("small") });
    stream.sendData(pattern(40_000), { endStream: false, onWritten: () => told.push("large") });
    stream.sendData(pattern(30_000), { endStream: true, onWritten: () => told.push("cut by the window") });
    expect(told).toEqual([]);
    write(engine);
    expect(told).toEqual(["small", "large"]);
    engine.send(engine.peer.windowUpdate(streamId, 19_999));
    write(engine);
    expect(told).toEqual(["small", "large"]);
    engine.send(engine.peer.windowUpdate(streamId, 1));
    write(engine);
    expect(told).toEqual(["small", "large", "cut by the window"]);
  });

  it("is never told of where the stream was reset before it was on its way, or the transport cannot tell", () => {
    const { engine, streamId, told } = sender(10_000);
    const stream = engine.stream(streamId);
    stream.sendData(pattern(40_000), { endStream: false, onWritten: () => told.push("reset") });
    write(engine);
    stream.reset(8);
    write(engine);
    const other = engine.stream(engine.openStream());
    other.sendData(pattern(5_000), { endStream: true, onWritten: () => told.push("lost") });
    expect(write(engine, false)).toBeGreaterThan(5_000);
    expect(told).toEqual([]);
  });

  it("is asked for by few, and the others pay nothing", () => {
    const { client, link } = connectedPair();
    client.stream(client.open().id).sendData(pattern(100_000), { endStream: true });
    link.run();
    expect(client.connection.takeCallbacks()).toBeUndefined();
  });
});
