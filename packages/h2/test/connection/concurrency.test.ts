import { describe, expect, it, vi } from "vitest";
import { StreamTable } from "../../src/connection/stream-table.js";
import { ErrorCode } from "../../src/index.js";
import { connectedPair, echoes, pattern, response } from "../support/endpoint.js";
import { Engine, requestFields } from "../support/engine.js";

describe("openStream", () => {
  it("gives nothing past the peer's limit, and onStreamsAvailable tells when to try again", () => {
    const { client, server, link } = connectedPair({ server: { settings: { maxConcurrentStreams: 2 } } });
    echoes(server);
    const [first] = [client.open(), client.open()];
    expect(client.tryOpen()).toBeUndefined();
    link.run();
    expect(client.streamsAvailableCalls).toBe(0);
    client.stream(first?.id as number).sendData(pattern(1), { endStream: true });
    link.run();
    expect(client.streamsAvailableCalls).toBe(1);
    expect(client.tryOpen()).toBeDefined();
    expect(client.tryOpen()).toBeUndefined();
  });

  it("is for clients: a server's misuse is said", () => {
    const { server } = connectedPair();
    expect(() => server.tryOpenBare()).toThrow("a server opens no streams");
  });

  it("holds a slot from the opening on, before headers are sent", () => {
    const { client } = connectedPair({ server: { settings: { maxConcurrentStreams: 1 } } });
    const id = client.openBare();
    expect(client.tryOpen()).toBeUndefined();
    client.stream(id).release();
    expect(client.streamsAvailableCalls).toBe(1);
    expect(client.tryOpen()).toBeDefined();
  });

  it("goes by 100 streams before the peer has told its limit, then by that", () => {
    const { client, link } = connectedPair({ handshake: false });
    for (let opened = 0; opened < 100; opened++) client.open();
    expect(client.tryOpen()).toBeUndefined();
    link.run();
    expect(client.streamsAvailableCalls).toBe(1);
    expect(client.tryOpen()).toBeDefined();
  });

  it("knows no limit where the peer names none", () => {
    const engine = Engine.ready("client");
    for (let opened = 0; opened < 1_000; opened++) engine.openStream();
    expect(engine.connection.activeStreams).toBe(1_000);
  });

  it("waits when the limit is lowered below what is open, and goes on when it is raised", () => {
    const engine = Engine.ready("client");
    const streams = [1, 2, 3].map(() => engine.openStream());
    engine.send(engine.peer.settings([[3, 2]]));
    expect(engine.tryOpenBare()).toBeUndefined();
    engine.stream(streams[0] as number).release();
    expect(engine.tryOpenBare()).toBeUndefined();
    expect(engine.handler.of("streamsAvailable")).toHaveLength(0);
    engine.send(engine.peer.settings([[3, 3]]));
    expect(engine.handler.of("streamsAvailable")).toHaveLength(1);
    expect(engine.tryOpenBare()).toBeDefined();
    engine.send(engine.peer.settings([[3, 0]]));
    expect(engine.tryOpenBare()).toBeUndefined();
  });

  it("waits while a peer that does not read lets opened and cancelled streams pile up", () => {
    const engine = Engine.ready("client");
    let opened = 0;
    for (; opened < 100_000; opened++) {
      const streamId = engine.tryOpenBare();
      if (streamId === undefined) break;
      engine.stream(streamId).sendHeaders([...requestFields, { name: "x", value: "x".repeat(100) }], {
        endStream: true,
      });
      engine.stream(streamId).release();
    }
    expect(opened).toBeLessThan(20_000);
    engine.output();
    expect(engine.handler.of("streamsAvailable")).toHaveLength(1);
    expect(engine.tryOpenBare()).toBeDefined();
  });

  it("gives nothing when the connection is closed", () => {
    const { client } = connectedPair();
    client.connection.transportClosed();
    expect(client.tryOpen()).toBeUndefined();
  });

  it("gives nothing when its identifiers are used up, and what is open goes on", () => {
    const { client, server, link } = connectedPair();
    echoes(server);
    const call = client.open();
    const usedUp = vi.spyOn(StreamTable.prototype, "nextLocalId").mockReturnValue(undefined);
    expect(client.tryOpen()).toBeUndefined();
    usedUp.mockRestore();
    call.stream.sendData(pattern(10), { endStream: true });
    link.run();
    expect(call.body.equals(pattern(10))).toBe(true);
  });
});

describe("a server", () => {
  it("refuses streams past maxConcurrentStreams as not processed, and goes on with the others", () => {
    const engine = Engine.ready("server", { settings: { maxConcurrentStreams: 2 } });
    const served = [engine.openStream(), engine.openStream()];
    engine.output();
    const refused = engine.openStream();
    expect(engine.verdict()).toEqual({ streamError: "REFUSED_STREAM", streamId: refused });
    engine.send(engine.peer.data(refused, pattern(1_000), 1));
    expect(engine.verdict()).toBe("taken");
    expect(engine.handler.of("headers").map(({ streamId }) => streamId)).toEqual(served);
    engine.stream(served[0] as number).sendHeaders(response, { endStream: true });
    engine.stream(served[0] as number).release();
    engine.openStream();
    expect(engine.handler.of("headers")).toHaveLength(3);
  });

  it("refuses however many, without counting them as errors of the peer", () => {
    const engine = Engine.ready("server", { settings: { maxConcurrentStreams: 0 } });
    for (let turn = 0; turn < 5_000; turn++) {
      engine.openStream({ endStream: true });
      engine.connection.takeOutput();
    }
    expect(engine.connection.closed).toBe(false);
    expect(engine.connection.activeStreams).toBe(0);
  });

  it("keeps a slot for a stream that the peer has reset until its handler has ended", () => {
    const engine = Engine.ready("server", { settings: { maxConcurrentStreams: 1 } });
    const first = engine.openStream();
    engine.send(engine.peer.rstStream(first, ErrorCode.CANCEL));
    engine.output();
    const second = engine.openStream();
    expect(engine.verdict()).toEqual({ streamError: "REFUSED_STREAM", streamId: second });
    engine.stream(first).release();
    engine.openStream();
    expect(engine.verdict()).toBe("taken");
  });
});
