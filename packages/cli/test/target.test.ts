import { maxSocketPathBytes } from "@trunkline/base/node";
import { describe, expect, test } from "vitest";
import { CommandError } from "../src/command-error.js";
import { ExitCode } from "../src/exit-codes.js";
import {
  isLocalAddress,
  parseEndpoint,
  parseListen,
  parseTarget,
  printTarget,
  type SocketAddress,
} from "../src/target.js";

const longPath = `/${"x".repeat(maxSocketPathBytes)}`;

describe("a target", () => {
  test.each<[string, SocketAddress]>([
    ["3000", { host: "localhost", port: 3000 }],
    ["1", { host: "localhost", port: 1 }],
    ["65535", { host: "localhost", port: 65_535 }],
    ["localhost:80", { host: "localhost", port: 80 }],
    ["db.example.org:5432", { host: "db.example.org", port: 5432 }],
    ["my_service:80", { host: "my_service", port: 80 }],
    ["bücher.example:80", { host: "bücher.example", port: 80 }],
    ["192.168.1.20:22", { host: "192.168.1.20", port: 22 }],
    ["[::1]:22", { host: "::1", port: 22 }],
    ["[fe80::1%eth0]:22", { host: "fe80::1%eth0", port: 22 }],
    ["unix:/run/app.sock", { path: "/run/app.sock" }],
    ["unix:app.sock", { path: "app.sock" }],
    ["unix:///run/app.sock", { path: "/run/app.sock" }],
    ["unix:/with space:and colon", { path: "/with space:and colon" }],
    ["unix-abstract:app", { path: "\0app" }],
  ])("%s is understood", (text, address) => {
    expect(parseTarget(text)).toEqual(address);
  });

  test.each([
    ["", 'target "" is empty; use 3000, localhost:3000, [::1]:22, unix:/path or exec:command'],
    ["0", 'target "0" has "0" for its port, which must be from 1 to 65535'],
    ["65536", 'target "65536" has "65536" for its port, which must be from 1 to 65535'],
    ["99999999999999999999", "must be from 1 to 65535"],
    ["-1", 'has "-1" for its port'],
    ["host:0", 'has "0" for its port'],
    ["host:http", 'has "http" for its port'],
    ["host:80x", 'has "80x" for its port'],
    ["host:1e3", 'has "1e3" for its port'],
    ["host:+80", 'has "+80" for its port'],
    ["host: 80", 'has " 80" for its port'],
    ["host:", "has nothing after its colon; a port is missing"],
    ["host", "has no port; use 3000, localhost:3000"],
    [":80", "has no host before its port"],
    [":", "has no host before its port"],
    ["8080:80", "has a port for its host"],
    ["http://localhost:3000", "is a URL; use 3000, localhost:3000"],
    ["tcp://x:1", "is a URL"],
    ["/run/app.sock", "looks like a path; a Unix socket is unix:/run/app.sock"],
    ["./app.sock", "looks like a path; a Unix socket is unix:./app.sock"],
    ["::1", "has no port; an IPv6 address stands in brackets: [::1]:22"],
    ["fe80::1:2:22", "an IPv6 address stands in brackets"],
    ["a:b:22", "has too many colons"],
    ["[::1]", "has no port, as in [::1]:22"],
    ["[::1]:", "a port is missing"],
    ["[::1", "has no port after its brackets"],
    ["[::1]22", "has no port after its brackets"],
    ["[nonsense]:22", 'has "nonsense" in brackets, which is not an IPv6 address'],
    ["[127.0.0.1]:22", "which is not an IPv6 address"],
    ["[]:22", 'has "" in brackets'],
    ["300.1.1.1:22", 'has "300.1.1.1" for its host, which is not an IPv4 address'],
    ["1.2.3:22", "which is not an IPv4 address"],
    ["a b:22", 'has "a b" for its host, which is neither a name nor an address'],
    ["-x:22", "which is neither a name nor an address"],
    ["user@host:22", "which is neither a name nor an address"],
    ["ho\nst:22", 'target "ho\\nst:22" has "ho\\nst" for its host'],
    ["unix:", "has no path, as in unix:/run/app.sock"],
    ["unix://host/path", "has no path"],
    // The system would cut the path, and another socket would answer (nodejs/node#48316).
    [
      `unix:${longPath}`,
      `of ${maxSocketPathBytes + 1} bytes, more than this system takes for a Unix socket (${maxSocketPathBytes})`,
    ],
    [`unix-abstract:${longPath}`, `has a path of ${maxSocketPathBytes + 1} bytes`],
    ["unix-abstract:", "has no name, as in unix-abstract:app"],
    ["unix:/a\0b", "has a zero byte in its path"],
  ])("%j is refused, saying why", (text, message) => {
    const refusal = refusalOf(() => parseTarget(text));
    expect(refusal.message).toContain(message);
    expect(refusal.message).not.toContain("\n");
    expect(refusal.exitCode).toBe(ExitCode.usage);
  });
});

describe("an address to listen on", () => {
  test.each<[string, SocketAddress]>([
    ["8080", { host: "127.0.0.1", port: 8080 }],
    ["0", { host: "127.0.0.1", port: 0 }],
    ["0.0.0.0:0", { host: "0.0.0.0", port: 0 }],
    ["[::]:8080", { host: "::", port: 8080 }],
    ["unix:/tmp/x.sock", { path: "/tmp/x.sock" }],
  ])("%s is understood", (text, address) => {
    expect(parseListen(text)).toEqual(address);
  });

  test("a bad one is called an address to listen on", () => {
    expect(refusalOf(() => parseListen(":8080")).message).toBe(
      'address to listen on ":8080" has no host before its port; use 8080, 0.0.0.0:8080 or unix:/path',
    );
  });
});

describe("an endpoint", () => {
  test("needs host and port, or a path", () => {
    expect(parseEndpoint("router.example.org:443")).toEqual({ host: "router.example.org", port: 443 });
    expect(parseEndpoint("unix:/run/router.sock")).toEqual({ path: "/run/router.sock" });
    expect(refusalOf(() => parseEndpoint("7420")).message).toBe(
      'endpoint "7420" has no host; use router.example.org:443, 127.0.0.1:7420 or unix:/path',
    );
    expect(refusalOf(() => parseEndpoint("https://router.example.org")).message).toContain("is a URL");
  });
});

test.each(["localhost:80", "127.0.0.1:9", "[::1]:22", "unix:/run/app.sock", "unix-abstract:app"])(
  "%s is printed as it was written",
  (text) => {
    for (const parse of [parseTarget, parseListen, parseEndpoint]) expect(printTarget(parse(text))).toBe(text);
  },
);

test.each([
  ["127.0.0.1:1", true],
  ["127.9.9.9:1", true],
  ["[::1]:1", true],
  ["localhost:1", true],
  ["unix:/x", true],
  ["0.0.0.0:1", false],
  ["[::]:1", false],
  ["192.168.0.1:1", false],
  ["127.example.org:1", false],
])("whether only this machine reaches %s: %s", (text, local) => {
  expect(isLocalAddress(parseListen(text))).toBe(local);
});

function refusalOf(parse: () => unknown): CommandError {
  try {
    parse();
  } catch (error) {
    if (error instanceof CommandError) return error;
    throw error;
  }
  throw new Error("it was accepted");
}
