/**
 * `sendHeaders` refuses all that a peer would have to refuse (RFC 9113 §8.2, §8.3), before anything of it is on its
 * way.
 */
import { describe, expect, it } from "vitest";
import type { HeaderField } from "../../src/index.js";
import { connectedPair, echoes, request, response } from "../support/endpoint.js";
import { Engine, requestFields, responseFields } from "../support/engine.js";

const flaws: [HeaderField, string][] = [
  [{ name: "X-Upper", value: "1" }, 'field name "X-Upper" has a character that is not allowed'],
  [{ name: "x y", value: "1" }, 'field name "x y" has a character that is not allowed'],
  [{ name: "x\n", value: "1" }, 'field name "x?" has a character that is not allowed'],
  [{ name: "x-ü", value: "1" }, 'field name "x-?" has a character that is not allowed'],
  [{ name: "", value: "1" }, "field with an empty name"],
  [{ name: "x", value: "a\0b" }, 'value of field "x" has a NUL, CR or LF'],
  [{ name: "x", value: "a\r\nb" }, 'value of field "x" has a NUL, CR or LF'],
  [{ name: "x", value: "5 €" }, 'value of field "x" has a character past 0xff: a value has one character an octet'],
  [{ name: "x", value: " a" }, 'value of field "x" begins or ends with white space'],
  [{ name: "x", value: "a\t" }, 'value of field "x" begins or ends with white space'],
  [{ name: "connection", value: "close" }, "connection-specific field connection"],
  [{ name: "transfer-encoding", value: "" }, "connection-specific field transfer-encoding"],
  [{ name: "te", value: "gzip" }, 'te: "gzip" (only "trailers" is allowed)'],
  [{ name: "x", value: undefined as unknown as string }, 'field "x" is not of two strings'],
  [{ name: "content-length", value: 5 as unknown as string }, 'field "content-length" is not of two strings'],
  [{ name: "x", value: "secret\n", neverIndexed: true }, 'value of field "x" has a NUL, CR or LF'],
];

describe.each(flaws)("a field %o", (field, message) => {
  it("is refused in a request", () => {
    const engine = Engine.ready("client");
    const streamId = engine.openBare();
    expect(() => engine.stream(streamId).sendHeaders([...requestFields, field], { endStream: true })).toThrow(
      `stream 1: ${message}`,
    );
    expect(engine.output()).toEqual([]);
  });

  it("is refused in a response", () => {
    const engine = Engine.ready("server");
    const streamId = engine.openStream();
    expect(() => engine.stream(streamId).sendHeaders([...responseFields, field], { endStream: true })).toThrow(
      `stream 1: ${message}`,
    );
  });

  it("is refused in trailers, also in those that will have to wait", () => {
    const engine = Engine.ready("client");
    for (const waits of [false, true]) {
      const streamId = engine.openStream();
      if (waits) engine.stream(streamId).sendData(new Uint8Array(100_000), { endStream: false });
      expect(() => engine.stream(streamId).sendHeaders([field], { endStream: true })).toThrow(
        `stream ${streamId}: ${message}`,
      );
    }
  });
});

describe("pseudo-headers", () => {
  it.each([
    [
      "after a regular field",
      [{ name: "x", value: "1" }, ...requestFields],
      'pseudo-header ":method" after a regular field',
    ],
    ["unknown", [...requestFields, { name: ":x", value: "1" }], 'unknown pseudo-header ":x" in a request'],
    [
      "of a response",
      [...requestFields, { name: ":status", value: "200" }],
      'unknown pseudo-header ":status" in a request',
    ],
    ["twice", [...requestFields, { name: ":path", value: "/" }], "pseudo-header :path twice"],
    ["missing", requestFields.slice(0, 2), "request without :path"],
  ])("%s are refused in a request", (_, fields, message) => {
    const engine = Engine.ready("client");
    const streamId = engine.openBare();
    expect(() => engine.stream(streamId).sendHeaders(fields, { endStream: true })).toThrow(`stream 1: ${message}`);
  });

  it.each([
    ["missing", [], "response without :status"],
    ["of four digits", [{ name: ":status", value: "2000" }], ':status "2000" is not three digits'],
    ["of a request", requestFields, 'unknown pseudo-header ":method" in a response'],
  ])("%s are refused in a response", (_, fields, message) => {
    const engine = Engine.ready("server");
    const streamId = engine.openStream();
    expect(() => engine.stream(streamId).sendHeaders(fields, { endStream: true })).toThrow(`stream 1: ${message}`);
  });

  it("are refused in trailers", () => {
    const engine = Engine.ready("server");
    const streamId = engine.openStream();
    engine.stream(streamId).sendHeaders(responseFields, { endStream: false });
    expect(() => engine.stream(streamId).sendHeaders(responseFields, { endStream: true })).toThrow(
      'pseudo-header ":status" in trailers',
    );
  });
});

describe("after a refusal", () => {
  it("the same call may be made again, rightly, and the compression state is whole", () => {
    const { client, server, link } = connectedPair();
    echoes(server);
    const tried: number[] = [];
    for (let turn = 0; turn < 5; turn++) {
      const novel = { name: `x-novel-${turn}`, value: "goes into the table" };
      const id = client.openBare();
      tried.push(id);
      const fields = [...request, novel];
      expect(() => client.stream(id).sendHeaders([...fields, { name: "x", value: "\n" }], { endStream: true })).toThrow(
        "NUL, CR or LF",
      );
      client.stream(id).sendHeaders(fields, { endStream: true });
      client.stream(id).reset(8);
      client.stream(id).release();
      link.run();
      expect(server.inbox(id).headers).toMatchObject({ [novel.name]: novel.value });
    }
    expect(client.connection.closed || server.connection.closed).toBe(false);
    expect(tried).toEqual([1, 3, 5, 7, 9]);
  });

  it("a stream is as it was: idle at a client, unanswered at a server", () => {
    const { client, server, link } = connectedPair();
    server.onRequestHeaders = ({ id }) => {
      expect(() => server.stream(id).sendHeaders([{ name: ":status", value: "20" }], { endStream: true })).toThrow(
        "three digits",
      );
      expect(() => server.stream(id).sendData(new Uint8Array(1), { endStream: true })).toThrow("data before headers");
      server.stream(id).sendHeaders(response, { endStream: true });
      server.stream(id).release();
    };
    const call = client.open({ endStream: true });
    link.run();
    expect(call.headers).toEqual({ ":status": "200" });
  });

  it("Latin-1 values and tabs inside pass, as do empty ones", () => {
    const { client, server, link } = connectedPair();
    const call = client.open({
      fields: [...request, { name: "x", value: "a\tü\x7f\xff" }, { name: "empty", value: "" }],
    });
    link.run();
    expect(server.inbox(call.id).headers).toMatchObject({ x: "a\tü\x7f\xff", empty: "" });
  });
});
