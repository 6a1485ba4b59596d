/**
 * The error of the end of a connection gives the reason: the words of the peer where it sent some, and a guess where it
 * never spoke HTTP/2.
 */
import { describe, expect, it } from "vitest";
import { ErrorCode } from "../../src/index.js";
import { FrameType, rawFrame } from "../../src/testing/index.js";
import { Engine } from "../support/engine.js";

function goAway(errorCode: number, debug = "", lastStreamId = 0): Uint8Array {
  const payload = Buffer.alloc(8 + debug.length);
  payload.writeUInt32BE(lastStreamId, 0);
  payload.writeUInt32BE(errorCode, 4);
  payload.write(debug, 8, "latin1");
  return rawFrame({ type: FrameType.GOAWAY, payload });
}

function closeOf(engine: Engine): string | undefined {
  const [close] = engine.handler.of("close");
  if (close === undefined) throw new Error("it is not closed");
  return close.error?.message;
}

describe("a peer that ends a connection with an error", () => {
  it("has the last word, its code alone where it says no more", () => {
    const engine = Engine.ready("client");
    engine.send(goAway(ErrorCode.INTERNAL_ERROR, ""));
    expect(closeOf(engine)).toBe("the peer ended the connection with INTERNAL_ERROR");
  });

  it("has the last word, with its text", () => {
    const engine = Engine.ready("client");
    engine.send(goAway(ErrorCode.INADEQUATE_SECURITY, "no certificate"));
    expect(closeOf(engine)).toBe('the peer ended the connection with INADEQUATE_SECURITY: "no certificate"');
    expect(engine.connection.goAwayError).toMatchObject({
      code: "INADEQUATE_SECURITY",
      origin: "remote",
      scope: "connection",
    });
  });

  it("tells the streams that it did not take, and those that it did when they break", () => {
    const engine = Engine.ready("client");
    engine.openStream();
    engine.openStream();
    engine.output();
    engine.send(goAway(ErrorCode.ENHANCE_YOUR_CALM, "too_many_pings", 1));
    engine.connection.transportClosed(new Error("read ECONNRESET"));
    const text = 'the peer ended the connection with ENHANCE_YOUR_CALM: "too_many_pings"';
    expect(
      engine.handler.of("reset").map(({ streamId, reset }) => [streamId, reset.message, reset.unprocessed]),
    ).toEqual([
      [3, text, true],
      [1, text, false],
    ]);
    expect(closeOf(engine)).toBe(text);
  });

  it("is not trusted with what it says: control characters are not shown, nor more than 256 of them", () => {
    const engine = Engine.ready("client");
    engine.send(goAway(0x2a, `\x1b[2J\n${"x".repeat(1_000)}`));
    expect(closeOf(engine)).toBe(`the peer ended the connection with 0x2a: "?[2J?${"x".repeat(251)}"`);
  });

  it("is in order when it names no error", () => {
    const engine = Engine.ready("client");
    engine.send(goAway(ErrorCode.NO_ERROR, "bye"));
    expect(closeOf(engine)).toBeUndefined();
    expect(engine.connection.goAwayError).toBeUndefined();
  });
});

describe("a peer that does not speak HTTP/2", () => {
  it("ends without SETTINGS: an error at a client, nothing at a server, where probes do so", () => {
    const client = new Engine("client");
    client.connection.transportClosed();
    expect(closeOf(client)).toBe("connection lost: the server has sent no SETTINGS (does it expect TLS?)");
    const server = new Engine("server");
    server.connection.transportClosed();
    expect(closeOf(server)).toBeUndefined();
  });

  it.each([
    ["HTTP/1.1 400 Bad Request\r\n", 'HTTP/1.1: it sent "HTTP/1.1 400 Bad Request"'],
    ["\x15\x03\x03\x00\x02\x02\x28\x00\x00", "TLS"],
    ["\x16\x03\x01\x02\x00\x01\x00\x01\xfc", "TLS"],
    ["SSH-2.0-OpenSSH_9.2\r\n", 'SSH: it sent "SSH-2.0-OpenSSH_9.2"'],
    ["-ERR unknown command 'PRI'\r\n", "Redis: it sent \"-ERR unknown command 'PRI'\""],
    ["220 mail.example.com ESMTP\r\n", 'SMTP or FTP: it sent "220 mail.example.com ESMTP"'],
    ["<!doctype html><html>", 'HTML or XML: it sent "<!doctype html><html>"'],
    ["\x4a\x00\x00\x00\x0a8.0.36\x00", "MySQL"],
    ["E\x00\x00\x00\x91SFATAL\x00", "PostgreSQL"],
  ])("is named by its first octets at a client: %j", (text, words) => {
    for (const cut of [1, 100]) {
      const engine = new Engine("client");
      const bytes = Buffer.from(text, "latin1");
      for (let at = 0; at < bytes.length && !engine.connection.closed; at += cut)
        engine.send(bytes.subarray(at, at + cut));
      // Octet by octet, only the nine of a frame's header are known.
      const known = cut === 1 ? words.split(":")[0] : words;
      expect(closeOf(engine)).toContain(`the peer does not speak HTTP/2 but ${known}`);
    }
  });

  it.each([
    ["\x16\x03\x01\x02\x00", "not an HTTP/2 client in plaintext: it speaks TLS"],
    ["XYZ", "not an HTTP/2 client: octet 0 of the connection preface is wrong"],
    ["PRI * HTTP/3", "not an HTTP/2 client: octet 11 of the connection preface is wrong"],
  ])("is named by its first octets at a server: %j", (text, words) => {
    for (const cut of [1, 100]) {
      const engine = new Engine("server");
      const bytes = Buffer.from(text, "latin1");
      for (let at = 0; at < bytes.length && !engine.connection.closed; at += cut)
        engine.send(bytes.subarray(at, at + cut));
      expect(closeOf(engine)).toBe(words);
    }
  });

  it.each([
    ["GET / HTTP/1.1\r\nhost: a\r\n", 'HTTP/1.1: it sent "GET / HTTP/1.1"'],
    ["SSH-2.0-client\r\n", 'SSH: it sent "SSH-2.0-client"'],
  ])("is named at a server by the text it begins with: %j", (text, words) => {
    const engine = new Engine("server");
    engine.send(Buffer.from(text));
    expect(closeOf(engine)).toBe(`not an HTTP/2 client: it speaks ${words}`);
  });
});
