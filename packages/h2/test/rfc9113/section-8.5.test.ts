/** CONNECT (RFC 9113 §8.5) and extended CONNECT (RFC 8441). */
import { describe, expect, it } from "vitest";
import type { HeaderField } from "../../src/index.js";
import type { HttpHandler } from "../../src/node/index.js";
import { Flag, FrameType } from "../../src/testing/index.js";
import { connectedPair, response } from "../support/endpoint.js";
import { EndBoth, Engine, responseFields } from "../support/engine.js";
import { Cleanup, dial, serve } from "../support/sockets.js";

const fields = (record: Record<string, string>): HeaderField[] =>
  Object.entries(record).map(([name, value]) => ({ name, value }));

const connect = fields({ ":method": "CONNECT", ":authority": "example.com:443" });
const webSocket = fields({
  ":method": "CONNECT",
  ":protocol": "websocket",
  ":scheme": "https",
  ":path": "/chat",
  ":authority": "example.com",
});
const allowed = { settings: { enableConnectProtocol: true } };
const enableConnectProtocol = 0x8;

describe("§8.5: CONNECT", () => {
  it.each([
    ["with :authority alone is taken", connect, true],
    ["without :authority is malformed", fields({ ":method": "CONNECT" }), false],
    ["with an empty :authority is malformed", fields({ ":method": "CONNECT", ":authority": "" }), false],
    ["with :scheme is malformed", [...connect, ...fields({ ":scheme": "https" })], false],
    ["with :path is malformed", [...connect, ...fields({ ":path": "/" })], false],
  ])("%s, by a server and by our own sendHeaders", (_, request, well) => {
    const server = Engine.ready("server").receiveRequest(request);
    expect(server.verdict()).toEqual(well ? "taken" : { streamError: "PROTOCOL_ERROR", streamId: 1 });
    const client = Engine.ready("client");
    const streamId = client.openBare();
    const send = () => client.stream(streamId).sendHeaders(request, { endStream: false });
    if (well) expect(send).not.toThrow();
    else expect(send).toThrow(/CONNECT with/);
  });

  it("makes a tunnel that carries DATA both ways, and each half ends by itself", () => {
    const { client, server, link } = connectedPair();
    server.onRequestHeaders = ({ id }) => {
      server.stream(id).sendHeaders(response, { endStream: false });
      server.stream(id).sendData(Buffer.from("hello"), { endStream: false });
    };
    const tunnel = client.open({ fields: connect });
    client.stream(tunnel.id).sendData(Buffer.from("before the answer"), { endStream: false });
    link.run();
    client.stream(tunnel.id).sendData(Buffer.from(", and after"), { endStream: true });
    link.run();
    const far = server.inbox(tunnel.id);
    expect([far.body.toString(), far.ended]).toEqual(["before the answer, and after", true]);
    server.stream(tunnel.id).sendData(Buffer.from(" and the end"), { endStream: true });
    link.run();
    expect([tunnel.body.toString(), tunnel.ended]).toEqual(["hello and the end", true]);
  });

  it("a connected stream takes no HEADERS, at a server", () => {
    const engine = Engine.ready("server").receiveRequest(connect);
    engine.stream(1).sendHeaders(responseFields, { endStream: false });
    engine.output();
    engine.send(engine.peer.headers(1, [{ name: "x-late", value: "1" }], EndBoth));
    expect(engine.verdict()).toEqual({ streamError: "PROTOCOL_ERROR", streamId: 1 });
  });

  it("a connected stream takes no HEADERS, at a client", () => {
    const engine = tunnelOfClient();
    engine.send(engine.peer.headers(1, [{ name: "x-late", value: "1" }], EndBoth));
    expect(engine.verdict()).toEqual({ streamError: "PROTOCOL_ERROR", streamId: 1 });
  });

  it("trailers of our own in a tunnel are refused", () => {
    const engine = tunnelOfClient();
    expect(() => engine.stream(1).sendHeaders([{ name: "x", value: "1" }], { endStream: true })).toThrow(
      "stream 1: trailers in a tunnel",
    );
    const server = Engine.ready("server").receiveRequest(connect);
    server.stream(1).sendHeaders(responseFields, { endStream: false });
    expect(() => server.stream(1).sendHeaders([{ name: "x", value: "1" }], { endStream: true })).toThrow(
      "trailers in a tunnel",
    );
  });

  it("that was refused is a message like any other, with trailers", () => {
    const engine = Engine.ready("client");
    const streamId = engine.openBare();
    engine.stream(streamId).sendHeaders(connect, { endStream: false });
    engine.send(
      engine.peer.headers(streamId, fields({ ":status": "502" })),
      engine.peer.data(streamId, [1]),
      engine.peer.headers(streamId, [{ name: "x-why", value: "down" }], EndBoth),
    );
    expect(engine.handler.of("trailers")).toMatchObject([{ fields: ["x-why: down"] }]);
  });

  it("a content-length of either side is no content's length in a tunnel (RFC 9110 §9.3.6)", () => {
    const server = Engine.ready("server").receiveRequest([...connect, ...fields({ "content-length": "1" })]);
    server.send(server.peer.data(1, [1, 2, 3]));
    expect(server.verdict()).toBe("taken");
    const client = tunnelOfClient(fields({ ":status": "200", "content-length": "1" }));
    client.send(client.peer.data(1, [1, 2, 3]));
    expect(client.verdict()).toBe("taken");
  });

  it("WINDOW_UPDATE and RST_STREAM have the effect that they have on other streams", () => {
    const engine = tunnelOfClient();
    engine.send(engine.peer.windowUpdate(1, 5), engine.peer.rstStream(1, 0xa));
    expect(engine.verdict()).toBe("taken");
    expect(engine.handler.of("reset")).toMatchObject([{ streamId: 1, reset: { errorCode: 0xa } }]);
  });
});

describe("RFC 8441 §3: SETTINGS_ENABLE_CONNECT_PROTOCOL", () => {
  it("is announced by a server that has the option, and by no other endpoint", () => {
    const announces = (engine: Engine) => {
      const settings =
        engine.output().find(({ type, flags }) => type === FrameType.SETTINGS && flags === 0)?.payload ??
        new Uint8Array(0);
      for (let offset = 0; offset < settings.length; offset += 6)
        if (settings[offset + 1] === enableConnectProtocol) return settings[offset + 5];
      return undefined;
    };
    expect(announces(new Engine("server", allowed))).toBe(1);
    expect(announces(new Engine("server"))).toBeUndefined();
    expect(announces(new Engine("client"))).toBeUndefined();
    expect(() => new Engine("client", allowed)).toThrow(
      "enableConnectProtocol must be true or false, and true at a server only",
    );
  });

  it("of the server can be read", () => {
    const engine = Engine.ready("client");
    expect(engine.connection.peerEnableConnectProtocol).toBe(false);
    engine.send(engine.peer.settings([[enableConnectProtocol, 1]]));
    expect(engine.connection.peerEnableConnectProtocol).toBe(true);
  });

  it.each([
    ["2", [[enableConnectProtocol, 2]]],
    [
      "0 after 1 in one frame",
      [
        [enableConnectProtocol, 1],
        [enableConnectProtocol, 0],
      ],
    ],
  ] as [string, [number, number][]][])("of %s is PROTOCOL_ERROR", (_, entries) => {
    const engine = Engine.ready("client");
    engine.send(engine.peer.settings(entries));
    expect(engine.verdict()).toEqual({ connectionError: "PROTOCOL_ERROR" });
  });

  it("never goes back to 0", () => {
    const engine = Engine.ready("client");
    engine.send(engine.peer.settings([[enableConnectProtocol, 0]]), engine.peer.settings([[enableConnectProtocol, 1]]));
    expect(engine.verdict()).toBe("taken");
    engine.send(engine.peer.settings([[enableConnectProtocol, 0]]));
    expect(engine.verdict()).toEqual({ connectionError: "PROTOCOL_ERROR" });
  });
});

describe("RFC 8441 §4: a request with :protocol", () => {
  it("is taken by a server that announced it, and becomes a tunnel", () => {
    const { client, server, link } = connectedPair({ server: allowed });
    server.onRequestHeaders = ({ id, headers }) => {
      expect(headers).toMatchObject({ ":protocol": "websocket", ":scheme": "https", ":path": "/chat" });
      server.stream(id).sendHeaders(response, { endStream: false });
    };
    const tunnel = client.open({ fields: webSocket });
    client.stream(tunnel.id).sendData(Buffer.from("ping"), { endStream: false });
    link.run();
    server.stream(tunnel.id).sendData(Buffer.from("pong"), { endStream: true });
    client.stream(tunnel.id).sendData(Buffer.from("!"), { endStream: true });
    link.run();
    expect([tunnel.body.toString(), server.inbox(tunnel.id).body.toString()]).toEqual(["pong", "ping!"]);
  });

  it("carries a conversation through the driver's streams, over a socket", async () => {
    const cleanup = new Cleanup();
    try {
      const echo: HttpHandler = async (stream) => {
        stream.sendHeaders(response);
        for await (const chunk of stream) await stream.send(chunk);
        await stream.send(new Uint8Array(0), true);
      };
      const { target } = await serve("tcp", cleanup, echo, allowed);
      const client = await dial(target, "tcp", cleanup);
      await client.handshake();
      expect(client.connection.peerEnableConnectProtocol).toBe(true);
      const tunnel = await client.request(webSocket);
      expect((await tunnel.headers())[0]).toMatchObject({ name: ":status", value: "200" });
      const replies = tunnel[Symbol.asyncIterator]();
      for (const said of ["one", "two"]) {
        await tunnel.send(Buffer.from(said));
        expect(Buffer.from((await replies.next()).value ?? []).toString()).toBe(said);
      }
      await tunnel.send(new Uint8Array(0), true);
      expect((await replies.next()).done).toBe(true);
      tunnel.release();
    } finally {
      await cleanup.run();
    }
  });

  it("is malformed at a server that did not", () => {
    expect(Engine.ready("server").receiveRequest(webSocket).verdict()).toEqual({
      streamError: "PROTOCOL_ERROR",
      streamId: 1,
    });
  });

  it("is not sent to a server that did not", () => {
    const engine = Engine.ready("client");
    const streamId = engine.openBare();
    const send = () => engine.stream(streamId).sendHeaders(webSocket, { endStream: false });
    expect(send).toThrow(
      "stream 1: pseudo-header :protocol, which the server has not allowed by SETTINGS_ENABLE_CONNECT_PROTOCOL",
    );
    engine.send(engine.peer.settings([[enableConnectProtocol, 1]]));
    expect(send).not.toThrow();
  });

  it.each([
    ["another method", { ":method": "GET" }],
    ["an empty :protocol", { ":protocol": "" }],
    ["no :scheme", { ":scheme": undefined }],
    ["no :path", { ":path": undefined }],
  ])("with %s is malformed", (_, change) => {
    const changed: Record<string, string | undefined> = {
      ...Object.fromEntries(webSocket.map(({ name, value }) => [name, value])),
      ...change,
    };
    const request = Object.entries(changed).flatMap(([name, value]) => (value === undefined ? [] : [{ name, value }]));
    expect(Engine.ready("server", allowed).receiveRequest(request).verdict()).toEqual({
      streamError: "PROTOCOL_ERROR",
      streamId: 1,
    });
  });
});

/** Returns a client whose CONNECT on stream 1 was accepted. */
function tunnelOfClient(answer: readonly HeaderField[] = responseFields): Engine {
  const engine = Engine.ready("client");
  const streamId = engine.openBare();
  engine.stream(streamId).sendHeaders(connect, { endStream: false });
  engine.send(engine.peer.headers(streamId, answer, Flag.END_HEADERS));
  engine.output();
  return engine;
}
