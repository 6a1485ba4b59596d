import { describe, expect, it } from "vitest";
import { connectedPair, echoes, pattern, request, response } from "../support/endpoint.js";

describe("a request and its response", () => {
  it("pass with headers, body and trailers", () => {
    const { client, server, link } = connectedPair();
    echoes(server);
    const call = client.open({ fields: [...request, { name: "x-one", value: "1" }] });
    client.stream(call.id).sendData(pattern(1_000), { endStream: true });
    link.run();
    expect(server.inbox(call.id).headers).toMatchObject({ ":method": "POST", "x-one": "1" });
    expect(call.headers).toEqual({ ":status": "200" });
    expect(call.body.equals(pattern(1_000))).toBe(true);
    expect(call.trailers).toEqual({ "x-bytes": "1000" });
    expect(client.connection.activeStreams).toBe(0);
    expect(server.connection.activeStreams).toBe(0);
  });

  it("pass without any body", () => {
    const { client, server, link } = connectedPair();
    server.onEnded = ({ id }) => {
      server.stream(id).sendHeaders(response, { endStream: true });
      server.stream(id).release();
    };
    const call = client.open({ endStream: true });
    link.run();
    expect(call).toMatchObject({ ended: true, bytes: 0, trailers: undefined, headers: { ":status": "200" } });
    expect(server.connection.activeStreams).toBe(0);
  });

  it("may begin before the handshake is over", () => {
    const { client, server, link } = connectedPair({ handshake: false, link: { delayMs: 50 } });
    echoes(server);
    const call = client.open();
    client.stream(call.id).sendData(pattern(10), { endStream: true });
    link.run();
    expect(call.ended).toBe(true);
    expect(link.nowMs).toBe(100);
  });

  it("keep the order and the bytes of fields, duplicates and Latin-1 values included", () => {
    const { client, server, link } = connectedPair();
    const sent = ["b", "a", "b", ""].map((value) => ({ name: "x-many", value }));
    const exotic = { name: "x-latin", value: "caf\u00e9 \u00ff\u0080" };
    const seen: unknown[] = [];
    const onRequest = server.onRequest.bind(server);
    server.onRequest = (stream, fields, endStream) => {
      seen.push(...fields.slice(request.length).map(({ name, value }) => ({ name, value })));
      return onRequest(stream, fields, endStream);
    };
    client.open({ fields: [...request, ...sent, exotic] });
    link.run();
    expect(seen).toEqual([...sent, exotic]);
  });

  it("carry trailers in both directions, without a body too", () => {
    const { client, server, link } = connectedPair();
    server.onEnded = ({ id }) => {
      server.stream(id).sendHeaders(response, { endStream: false });
      server.stream(id).sendHeaders([{ name: "x-end", value: "server" }], { endStream: true });
      server.stream(id).release();
    };
    const call = client.open();
    client.stream(call.id).sendHeaders([{ name: "x-end", value: "client" }], { endStream: true });
    link.run();
    expect(server.inbox(call.id).trailers).toEqual({ "x-end": "client" });
    expect(call.trailers).toEqual({ "x-end": "server" });
  });

  it("let informational responses come first, any number of them", () => {
    const { client, server, link } = connectedPair();
    server.onRequestHeaders = ({ id }) => {
      for (const status of ["100", "103"])
        server.stream(id).sendHeaders([{ name: ":status", value: status }], { endStream: false });
      server.stream(id).sendHeaders(response, { endStream: true });
    };
    const call = client.open();
    link.run();
    expect(call.informational).toEqual([{ ":status": "100" }, { ":status": "103" }]);
    expect(call.headers).toEqual({ ":status": "200" });
    expect(call.ended).toBe(true);
  });

  it("carry 16 MiB both ways whole, though every window is smaller", () => {
    const { client, server, link } = connectedPair();
    echoes(server);
    const body = pattern(2 ** 24);
    const call = client.open();
    client.stream(call.id).sendData(body, { endStream: true });
    link.run();
    expect(server.inbox(call.id).bytes).toBe(body.length);
    expect(call.body.equals(body)).toBe(true);
  });

  it("put chunks of one write together in order, empty ones included", () => {
    const { client, server, link } = connectedPair();
    const call = client.open();
    const body = pattern(100_000);
    const chunks = [body.subarray(0, 1), Buffer.alloc(0), body.subarray(1, 70_000), body.subarray(70_000)];
    client.stream(call.id).sendData(chunks, { endStream: false });
    client.stream(call.id).sendData([], { endStream: true });
    link.run();
    expect(server.inbox(call.id).body.equals(body)).toBe(true);
    expect(server.inbox(call.id).ended).toBe(true);
  });

  it("run side by side on 200 streams without mixing", () => {
    const { client, server, link } = connectedPair();
    echoes(server);
    const calls = Array.from({ length: 200 }, (_, index) => {
      const call = client.open();
      client.stream(call.id).sendData(pattern(1 + index * 500, index), { endStream: true });
      return call;
    });
    link.run();
    for (const [index, call] of calls.entries()) expect(call.body.equals(pattern(1 + index * 500, index))).toBe(true);
    expect(client.connection.activeStreams).toBe(0);
  });

  it("do not care how the bytes are cut", () => {
    for (const size of [1, 2, 7, 9, 10, 1_000]) {
      const { client, server, link } = connectedPair({ link: { nextPiece: () => size } });
      echoes(server);
      const call = client.open({ fields: [...request, { name: "x-long", value: "v".repeat(300) }] });
      client.stream(call.id).sendData(pattern(3_000), { endStream: true });
      link.run();
      expect(call.body.equals(pattern(3_000))).toBe(true);
      expect(call.trailers).toEqual({ "x-bytes": "3000" });
    }
  });
});

describe("content-length", () => {
  const announcing = (length: string) => [...request, { name: "content-length", value: length }];

  it("that fits the body is taken", () => {
    const { client, server, link } = connectedPair();
    const call = client.open({ fields: announcing("5") });
    client.stream(call.id).sendData(Buffer.from("12345"), { endStream: true });
    link.run();
    expect(server.inbox(call.id).ended).toBe(true);
  });

  it.each([
    ["more", "4"],
    ["less", "6"],
  ])("that the body is %s than resets the stream", (_, length) => {
    const { client, server, link } = connectedPair();
    const call = client.open({ fields: announcing(length) });
    client.stream(call.id).sendData(Buffer.from("12345"), { endStream: true });
    link.run();
    expect(server.inbox(call.id).reset).toMatchObject({
      errorCode: 1,
      origin: "local",
      scope: "stream",
      message: `content of 5 bytes is not the announced content-length (${length})`,
    });
    expect(call.reset).toMatchObject({ errorCode: 1, origin: "remote" });
    expect(server.connection.closed).toBe(false);
  });

  it("is not compared in an answer to HEAD or with status 304, which have no content", () => {
    for (const endWithData of [false, true]) {
      for (const [method, status] of [
        ["HEAD", "200"],
        ["GET", "304"],
      ] as const) {
        const { client, server, link } = connectedPair();
        server.onRequestHeaders = ({ id }) => {
          const fields = [
            { name: ":status", value: status },
            { name: "content-length", value: "10" },
          ];
          server.stream(id).sendHeaders(fields, { endStream: !endWithData });
          if (endWithData) server.stream(id).sendData([], { endStream: true });
        };
        const call = client.open({
          fields: [{ name: ":method", value: method }, ...request.slice(1)],
          endStream: true,
        });
        link.run();
        expect(call.reset).toBeUndefined();
        expect(call.ended).toBe(true);
      }
    }
  });

  it("of a response that ends with its headers must be 0", () => {
    const { client, server, link } = connectedPair();
    server.onRequestHeaders = ({ id }) =>
      server.stream(id).sendHeaders([...response, { name: "content-length", value: "1" }], { endStream: true });
    const call = client.open({ endStream: true });
    link.run();
    expect(call.reset).toMatchObject({ errorCode: 1, origin: "local" });
  });
});

describe("wrong use", () => {
  it("is refused with the stream and the reason", () => {
    const { client } = connectedPair();
    const id = client.openBare();
    expect(() => client.stream(id).sendData(Buffer.from("x"), { endStream: false })).toThrow(
      "stream 1: data before headers",
    );
    client.stream(id).sendHeaders(request, { endStream: false });
    expect(() => client.stream(id).sendHeaders([], { endStream: false })).toThrow(
      "stream 1: a second header section must end the stream",
    );
    client.stream(id).sendData([], { endStream: true });
    expect(() => client.stream(id).sendData(Buffer.from("x"), { endStream: false })).toThrow(
      "stream 1: data after END_STREAM",
    );
    expect(() => client.stream(id).sendHeaders([], { endStream: true })).toThrow("stream 1: headers after END_STREAM");
  });

  it("of an informational response that would end the stream is refused", () => {
    const { client, server, link } = connectedPair();
    client.open();
    link.run();
    expect(() => server.stream(1).sendHeaders([{ name: ":status", value: "100" }], { endStream: true })).toThrow(
      "stream 1: an informational response cannot end the stream",
    );
  });

  it("on a stream that is gone does nothing", () => {
    const { client, link } = connectedPair();
    const call = client.open();
    client.stream(call.id).reset(8);
    client.stream(call.id).release();
    const { stream } = call;
    stream.sendHeaders(request, { endStream: true });
    stream.sendData(Buffer.from("x"), { endStream: true });
    stream.acknowledge(10);
    stream.reset(8);
    stream.release();
    expect(stream.bufferedBytes).toBe(0);
    expect(stream.isWritable).toBe(true);
    link.run();
    expect(client.connection.activeStreams).toBe(0);
  });
});
