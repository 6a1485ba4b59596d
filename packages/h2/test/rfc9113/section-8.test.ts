/**
 * RFC 9113 §8: what makes a message malformed. A malformed message is a stream error PROTOCOL_ERROR, and the connection
 * lives.
 */
import { describe, expect, it } from "vitest";
import type { HeaderField } from "../../src/index.js";
import { Flag } from "../../src/testing/index.js";
import { EndBoth, Engine } from "../support/engine.js";

type Pairs = readonly (readonly [string, string])[];
const fields = (pairs: Pairs): HeaderField[] => pairs.map(([name, value]) => ({ name, value }));
const get: Pairs = [
  [":method", "GET"],
  [":scheme", "https"],
  [":path", "/"],
];
const ok: Pairs = [[":status", "200"]];
const without = (name: string): Pairs => get.filter(([each]) => each !== name);

/** Fields that no message of either kind may have. */
const badFields: Pairs = [
  ["", "empty name"],
  ["X-Upper", "1"],
  ["x y", "1"],
  ["x:y", "1"],
  ["x\u0000", "1"],
  ["x\u007f", "1"],
  ["x\u00e9", "1"],
  ["x-value", "a\u0000b"],
  ["x-value", "a\nb"],
  ["x-value", "a\rb"],
  ["x-value", " a"],
  ["x-value", "a "],
  ["x-value", "\ta"],
  ["x-value", "a\t"],
  ["connection", "keep-alive"],
  ["keep-alive", "1"],
  ["proxy-connection", "1"],
  ["transfer-encoding", "chunked"],
  ["upgrade", "h2c"],
  ["te", "gzip"],
  ["te", "trailers, gzip"],
];
const goodFields: Pairs = [
  ["te", "trailers"],
  ["x-empty", ""],
  ["x-value", "a\u0001b"],
  ["x-value", "caf\u00e9 \u0080"],
  ["!#$%&'*+-.^_`|~09az", "every token character"],
];
const badLengths = ["", "-1", "+1", "1.0", "0x1", "1, 2", "99999999999999999", " 1"];

function takes(role: "client" | "server", pairs: Pairs, flags: number = EndBoth): boolean {
  const engine = Engine.ready(role);
  const streamId = role === "server" ? 1 : engine.openStream();
  engine.output();
  engine.send(engine.peer.headers(streamId, fields(pairs), flags));
  const verdict = engine.verdict();
  expect(engine.connection.closed).toBe(false);
  if (verdict === "taken") {
    expect(engine.handler.of("headers")).toHaveLength(1);
    return true;
  }
  expect(verdict).toEqual({ streamError: "PROTOCOL_ERROR", streamId });
  expect(engine.handler.of("headers")).toEqual([]);
  expect(engine.handler.of("reset")).toHaveLength(role === "client" ? 1 : 0);
  return false;
}

describe("§8.2 fields", () => {
  it.each(badFields)("%j: %j is malformed in a request, a response and trailers", (name, value) => {
    expect(takes("server", [...get, [name, value]])).toBe(false);
    expect(takes("client", [...ok, [name, value]])).toBe(false);
    expect(takesTrailers([[name, value]])).toBe(false);
  });

  it.each(goodFields)("%j: %j is well formed everywhere", (name, value) => {
    expect(takes("server", [...get, [name, value]])).toBe(true);
    expect(takes("client", [...ok, [name, value]])).toBe(true);
    expect(takesTrailers([[name, value]])).toBe(true);
  });

  it("is checked each time, also where the table hands out the same field again", () => {
    const engine = Engine.ready("server");
    for (const streamId of [1, 3, 5]) {
      engine.send(engine.peer.headers(streamId, fields([...get, ["X-Upper", "1"]]), EndBoth));
      expect(engine.verdict()).toEqual({ streamError: "PROTOCOL_ERROR", streamId });
    }
  });
});

describe("§8.3.1 requests", () => {
  it.each<[string, Pairs]>([
    ["no :method", without(":method")],
    ["no :scheme", without(":scheme")],
    ["no :path", without(":path")],
    ["an empty :path", [...without(":path"), [":path", ""]]],
    [":method twice", [...get, [":method", "GET"]]],
    [":scheme twice", [...get, [":scheme", "https"]]],
    [":path twice", [...get, [":path", "/"]]],
    ["host twice", [...get, ["host", "a"], ["host", "a"]]],
    ["a host that differs from :authority", [...get, [":authority", "a"], ["host", "b"]]],
    ["a host with another port than :authority", [...get, [":authority", "a:1"], ["host", "a:2"]]],
    ["an empty host beside :authority", [...get, [":authority", "a"], ["host", ""]]],
    [":authority twice", [...get, [":authority", "a"], [":authority", "a"]]],
    [":status", [...get, [":status", "200"]]],
    ["an unknown pseudo-header", [...get, [":unknown", "1"]]],
    ["a pseudo-header after a field", [...without(":path"), ["x", "y"], [":path", "/"]]],
    ["a NUL in a pseudo-header", [...without(":path"), [":path", "/\u0000"]]],
    [
      "CONNECT with :path",
      [
        [":method", "CONNECT"],
        [":authority", "a:1"],
        [":path", "/"],
      ],
    ],
    [
      "CONNECT with :scheme",
      [
        [":method", "CONNECT"],
        [":authority", "a:1"],
        [":scheme", "http"],
      ],
    ],
    ["CONNECT without :authority", [[":method", "CONNECT"]]],
    ["nothing at all", []],
    ["a :path that does not begin with a slash", [...without(":path"), [":path", "index.html"]]],
    ["a whole URI for :path", [...without(":path"), [":path", "https://host/"]]],
    ["* and another method than OPTIONS", [...without(":path"), [":path", "*"]]],
    ["user information in :authority", [...get, [":authority", "user:secret@host"]]],
  ])("with %s are malformed", (_, pairs) => {
    expect(takes("server", pairs)).toBe(false);
  });

  it.each<[string, Pairs]>([
    ["the three needed", get],
    [":authority", [...get, [":authority", "host:80"]]],
    ["the same host beside :authority", [...get, [":authority", "host:80"], ["host", "host:80"]]],
    ["a host that names the same entity", [...get, [":authority", "host"], ["host", "HOST:443"]]],
    ["a host without :authority", [...get, ["host", "host"]]],
    [
      "any :path in a scheme that is not http's",
      [
        [":method", "GET"],
        [":scheme", "urn"],
        [":path", "a:b"],
      ],
    ],
    ["pseudo-headers in another order", [...get].reverse()],
    ["a method of their own", [[":method", "BREW"], ...without(":method")]],
    [
      "OPTIONS *",
      [
        [":method", "OPTIONS"],
        [":scheme", "http"],
        [":path", "*"],
      ],
    ],
    [
      "CONNECT and :authority alone",
      [
        [":method", "CONNECT"],
        [":authority", "host:443"],
      ],
    ],
  ])("with %s are well formed", (_, pairs) => {
    expect(takes("server", pairs, Flag.END_HEADERS)).toBe(true);
  });
});

describe("§8.3.2 responses", () => {
  it.each<[string, Pairs]>([
    ["no :status", [["x", "y"]]],
    ["nothing at all", []],
    [":status twice", [...ok, ...ok]],
    [":status after a field", [["x", "y"], ...ok]],
    ["a request's pseudo-header", [...ok, [":path", "/"]]],
    [":status of two digits", [[":status", "20"]]],
    [":status of four digits", [[":status", "2000"]]],
    [":status that is no number", [[":status", "abc"]]],
    ["an empty :status", [[":status", ""]]],
    ["an informational status and END_STREAM", [[":status", "103"]]],
  ])("with %s are malformed", (_, pairs) => {
    expect(takes("client", pairs)).toBe(false);
  });

  it.each(["200", "404", "599", "600", "800", "999", "000"])(
    "with :status %s are taken: any three digits are",
    (status) => {
      expect(takes("client", [[":status", status]])).toBe(true);
    },
  );
});

describe("§8.1 messages", () => {
  it.each(badLengths)("with content-length %j are malformed", (length) => {
    expect(takes("server", [...get, ["content-length", length]])).toBe(false);
    expect(takes("client", [...ok, ["content-length", length]])).toBe(false);
  });

  it("with two content-lengths are malformed where they differ", () => {
    expect(takes("server", [...get, ["content-length", "0"], ["content-length", "1"]])).toBe(false);
    expect(takes("server", [...get, ["content-length", "0"], ["content-length", "0"]])).toBe(true);
  });

  it("with a pseudo-header in their trailers are malformed", () => {
    for (const name of [":status", ":method", ":path", ":unknown"]) expect(takesTrailers([[name, "1"]])).toBe(false);
  });

  it("with trailers that do not end them are malformed", () => {
    expect(takesTrailers([["x", "y"]], Flag.END_HEADERS)).toBe(false);
  });
});

function takesTrailers(pairs: Pairs, flags: number = EndBoth): boolean {
  const verdicts = (["client", "server"] as const).map((role) => {
    const engine = Engine.ready(role);
    const streamId = engine.openStream();
    if (role === "client") engine.send(engine.peer.headers(streamId, fields(ok)));
    engine.output();
    engine.send(engine.peer.headers(streamId, fields(pairs), flags));
    const verdict = engine.verdict();
    expect(engine.connection.closed).toBe(false);
    expect(engine.handler.of("trailers")).toHaveLength(verdict === "taken" ? 1 : 0);
    expect(engine.handler.of("reset")).toHaveLength(verdict === "taken" ? 0 : 1);
    return verdict === "taken";
  });
  expect(verdicts[0]).toBe(verdicts[1]);
  return verdicts[0] as boolean;
}
