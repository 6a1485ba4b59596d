/** The handshakes with proxies as machines: bytes in, bytes out. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseProxy, type TcpAddress } from "../../src/index.js";
import { proxyHandshake } from "../../src/proxy/handshake.js";
import { maxProxyHeadBytes } from "../../src/proxy/http-connect.js";
import type { HandshakeStep, ProxyHandshake } from "../../src/proxy/step.js";

const target: TcpAddress = { host: "server.example", port: 443 };
const ascii = (text: string): Uint8Array => Uint8Array.from(text, (letter) => letter.charCodeAt(0));
const textOf = (bytes: Uint8Array): string => String.fromCharCode(...bytes);

function begun(url: string, to = target): ProxyHandshake {
  const handshake = proxyHandshake(parseProxy(url), to);
  handshake.begin();
  return handshake;
}

/** Gives bytes one by one until the handshake is over. */
function trickle(handshake: ProxyHandshake, bytes: Uint8Array): HandshakeStep {
  let step: HandshakeStep = { kind: "more", send: undefined };
  for (let at = 0; at < bytes.length; at++) {
    step = handshake.receive(bytes.subarray(at, at + 1));
    if (step.kind === "open") return { kind: "open", rest: bytes.subarray(at + 1) };
    if (step.kind === "failed") return step;
  }
  return step;
}

function failureText(step: HandshakeStep): string {
  return step.kind === "failed" ? `${step.failure.code} ${step.failure.text}` : step.kind;
}

describe("HTTP CONNECT", () => {
  it("names the target, and sends user and password in base64 of UTF-8", () => {
    const plain = proxyHandshake(parseProxy("http://p:1"), { host: "fe80::1%eth0", port: 50051 }).begin();
    expect(textOf(plain)).toBe("CONNECT [fe80::1]:50051 HTTP/1.1\r\nHost: [fe80::1]:50051\r\n\r\n");
    const secret = textOf(proxyHandshake(parseProxy("http://J%C3%BCrgen:a%40b@p:1"), target).begin());
    expect(secret).toContain(`\r\nProxy-Authorization: Basic ${Buffer.from("Jürgen:a@b").toString("base64")}\r\n`);
  });

  it("is open after any 2xx, whose lengths mean nothing, and gives what has come behind the answer", () => {
    const answer = ascii("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 204\r\nContent-Length: 5\r\n\r\nhello");
    for (const step of [begun("http://p:1").receive(answer), trickle(begun("http://p:1"), answer)])
      expect(step.kind === "open" && textOf(step.rest)).toBe("hello");
  });

  it("reports a refusal with its status and the start of its page, without tags and styles", () => {
    const page = "<html><style>a { b }</style><title>Bad\n  gateway</title><p>no route to host\u001b[31m</html>";
    const answer = ascii(`HTTP/1.1 502 Bad Gateway\r\nContent-Length: ${page.length}\r\n\r\n${page}`);
    const text = "PROXY_REFUSED answered 502 Bad Gateway: Bad gateway no route to host [31m";
    expect(failureText(begun("http://p:1").receive(answer))).toBe(text);
    expect(failureText(trickle(begun("http://p:1"), answer))).toBe(text);
  });

  it("waits for the page of a refusal, of which it keeps a bounded part", () => {
    const handshake = begun("http://p:1");
    expect(handshake.receive(ascii("HTTP/1.1 403 No\r\n\r\n")).kind).toBe("failing");
    expect(handshake.receive(ascii("not from here")).kind).toBe("failing");
    expect(handshake.end()).toEqual({ code: "PROXY_REFUSED", text: "answered 403 No: not from here" });
    expect(handshake.receive(ascii("x".repeat(8_192 - 13 - 1))).kind).toBe("failing");
    const step = handshake.receive(ascii("x"));
    expect(failureText(step)).toHaveLength("PROXY_REFUSED answered 403 No: ".length + 200);
  });

  it("says what is wrong with user and password", () => {
    const answer = ascii("HTTP/1.1 407 Auth\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n");
    expect(failureText(begun("http://p:1").receive(answer))).toBe(
      "PROXY_AUTHENTICATION wants a user and a password (407)",
    );
    expect(failureText(begun("http://u:secret@p:1").receive(answer))).toBe(
      "PROXY_AUTHENTICATION does not accept the user and password (407)",
    );
    const other = ascii("HTTP/1.1 407 Auth\r\nProxy-Authenticate: Negotiate\r\nContent-Length: 0\r\n\r\n");
    expect(failureText(begun("http://u:secret@p:1").receive(other))).toContain(", by Negotiate and not by Basic");
  });

  it("refuses other protocols at their first wrong byte", () => {
    expect(failureText(begun("http://p:1").receive(ascii("SSH-2.0-OpenSSH\r\n")))).toBe(
      'PROXY_INVALID does not speak HTTP: it answered "SSH-2.0-OpenSSH"',
    );
    expect(failureText(begun("http://p:1").receive(ascii("HTTP/2")))).toContain("PROXY_INVALID");
    expect(failureText(begun("http://p:1").receive(Uint8Array.of(0x15, 3, 1)))).toContain("but TLS");
    expect(failureText(begun("http://p:1").receive(ascii("HTTP/1.1 abc\r\n\r\n")))).toContain("status line");
    const long = `HTTP/1.1 ${"x".repeat(100)}`;
    expect(failureText(begun("http://p:1").receive(ascii(`${long}\r\n\r\n`)))).toBe(
      `PROXY_INVALID answered with the status line "${long.slice(0, 39)}…"`,
    );
  });

  it("takes a head of the limit, and none that is longer by a byte", () => {
    const start = "HTTP/1.1 200 OK\r\nx: ";
    const head = (length: number) => ascii(`${start}${"y".repeat(length - start.length - 4)}\r\n\r\n`);
    expect(begun("http://p:1").receive(head(maxProxyHeadBytes)).kind).toBe("open");
    expect(failureText(begun("http://p:1").receive(head(maxProxyHeadBytes + 1)))).toContain(
      `${maxProxyHeadBytes} bytes`,
    );
  });

  it("says whether a connection ended before or within the answer", () => {
    const handshake = begun("http://p:1");
    expect(handshake.end().text).toBe("closed the connection without an answer");
    handshake.receive(ascii("HTTP/1.1 200"));
    expect(handshake.end().text).toBe("closed the connection in its answer");
  });

  it("refuses a host that would be more than a host in the request", () => {
    expect(() => proxyHandshake(parseProxy("http://p:1"), { host: "a\r\nb", port: 1 })).toThrow(TypeError);
    expect(() => proxyHandshake(parseProxy("http://p:1"), { host: "bücher.example", port: 1 })).toThrow('"xn--"');
  });
});

describe("SOCKS5", () => {
  const opened = [5, 0, 0, 1, 127, 0, 0, 1, 0, 80];

  it("gives a name to the proxy, and gives what has come behind the reply", () => {
    const handshake = proxyHandshake(parseProxy("socks5h://p"), target);
    expect([...handshake.begin()]).toEqual([5, 1, 0]);
    const request = handshake.receive(Uint8Array.of(5, 0));
    const name = [...ascii("server.example")];
    expect(request).toEqual({ kind: "more", send: Uint8Array.of(5, 1, 0, 3, 14, ...name, 1, 0xbb) });
    expect(handshake.receive(Uint8Array.of(...opened, 7, 8))).toEqual({ kind: "open", rest: Uint8Array.of(7, 8) });
  });

  it("gives addresses as bytes, and understands each kind of address in a reply", () => {
    const request = (host: string): number[] => {
      const handshake = begun("socks5://p", { host, port: 1 });
      const step = handshake.receive(Uint8Array.of(5, 0));
      return step.kind === "more" ? [...(step.send ?? [])] : [];
    };
    expect(request("10.0.0.1")).toEqual([5, 1, 0, 1, 10, 0, 0, 1, 0, 1]);
    expect(request("::ffff:1.2.3.4")).toEqual([5, 1, 0, 4, ...new Array(10).fill(0), 255, 255, 1, 2, 3, 4, 0, 1]);
    for (const reply of [
      opened,
      [5, 0, 0, 4, ...new Array(18).fill(9)],
      [5, 0, 0, 3, 2, 1, 1, 0, 1],
      [5, 0, 0, 3, 0, 0, 1],
    ])
      expect(trickle(begun("socks5://p"), Uint8Array.of(5, 0, ...reply, 1)).kind).toBe("open");
  });

  it("sends user and password when the proxy chooses that, each of up to 255 bytes", () => {
    const password = "p".repeat(255);
    const handshake = proxyHandshake(parseProxy(`socks5h://me:${password}@p`), target);
    expect([...handshake.begin()]).toEqual([5, 2, 0, 2]);
    const step = handshake.receive(Uint8Array.of(5, 2));
    expect(step).toEqual({ kind: "more", send: Uint8Array.of(1, 2, ...ascii("me"), 255, ...ascii(password)) });
    expect(handshake.receive(Uint8Array.of(1, 0)).kind).toBe("more");
    expect(handshake.receive(Uint8Array.of(...opened)).kind).toBe("open");
    expect(() => parseProxy(`socks5h://me:${password}p@p`)).toThrow("has 256 bytes, and the limit is 255");
  });

  it.each([
    ["socks5://p", [5, 255], "PROXY_AUTHENTICATION wants a user and a password, or does not serve this machine"],
    ["socks5://u:p@p", [5, 255], "PROXY_AUTHENTICATION accepts no user with a password, or does not serve"],
    ["socks5://u:p@p", [5, 2, 1, 1], "PROXY_AUTHENTICATION does not accept the user and password"],
    ["socks5://p", [5, 2], "PROXY_INVALID chose the authentication method 2, which was not offered"],
    ["socks5://p", [5, 0, 5, 5], "PROXY_REFUSED was refused by the target (reply 5)"],
    ["socks5://p", [5, 0, 5, 77], "PROXY_REFUSED has failed (reply 77)"],
    ["socks5://p", [5, 0, 5, 0, 0, 2, 0], "PROXY_INVALID replied with an address of the kind 2"],
    ["socks5://p", [4], "PROXY_INVALID does not speak SOCKS5: its answer begins with the byte 4"],
    ["socks5://p", [0x48, 0x54], "PROXY_INVALID does not speak SOCKS5, but HTTP: use an http:// URL"],
  ])("of %s fails after the bytes %j: %s", (url, bytes, text) => {
    expect(failureText(begun(url).receive(Uint8Array.from(bytes)))).toContain(text);
    expect(failureText(trickle(begun(url), Uint8Array.from(bytes)))).toContain(text);
  });

  it("refuses names that it cannot send", () => {
    const long = "a".repeat(255);
    expect(begun("socks5h://p", { host: long, port: 1 })).toBeDefined();
    expect(() => begun("socks5h://p", { host: `${long}a`, port: 1 })).toThrow("1 to 255 characters");
  });
});

describe("any handshake", () => {
  it("ends the same way however its bytes are cut, throws for none, and never shows its password", () => {
    const part = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.constantFrom(
        ...["HTTP/1.1 200 OK\r\n", "HTTP/1.1 502 No\r\nContent-Length: 9\r\n", "\r\n", "\r\n\r\n", "a: b\r\n"].map(
          ascii,
        ),
        ...[
          [5, 0],
          [5, 2],
          [1, 0],
          [5, 0, 0, 1],
          [5, 0, 0, 3, 255],
        ].map((bytes) => Uint8Array.from(bytes)),
      ),
    );
    const url = fc.constantFrom("http://user:pa55@p", "socks5://user:pa55@p", "socks5h://p");
    const property = fc.property(url, fc.array(part, { maxLength: 8 }), (proxy, parts) => {
      const bytes = Uint8Array.from(parts.flatMap((each) => [...each]));
      const whole = begun(proxy);
      const step = whole.receive(bytes);
      const slow = begun(proxy);
      const other = trickle(slow, bytes);
      const told = (one: HandshakeStep, of: ProxyHandshake) =>
        one.kind === "open" ? [...one.rest] : one.kind === "failed" ? one.failure.code : of.end().code;
      expect(told(other, slow)).toEqual(told(step, whole));
      expect(JSON.stringify([step, whole.end()])).not.toContain("pa55");
    });
    fc.assert(property, { numRuns: 500 });
  });
});
