import { describe, expect, it } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import { parseAddress } from "../../src/client/resolver.js";
import { parseTarget } from "../../src/client/target.js";
import { Channel, createClient, Server } from "../../src/index.js";
import { duplexPair } from "../../src/testing/index.js";
import { version } from "../../src/wire/version.js";
import { Echo } from "../gen/echo_pb.js";

describe("a channel's target", () => {
  it.each([
    ["localhost:50051", { host: "localhost", port: 50051 }, true, "localhost:50051"],
    ["dns:///127.0.0.1:50051", { host: "127.0.0.1", port: 50051 }, true, "127.0.0.1:50051"],
    ["dns:example.com:1", { host: "example.com", port: 1 }, false, "example.com:1"],
    ["example.com", { host: "example.com", port: 443 }, false, "example.com"],
    ["[::1]:80", { host: "::1", port: 80 }, true, "[::1]:80"],
    ["[2001:db8::1]", { host: "2001:db8::1", port: 443 }, false, "[2001:db8::1]"],
    ["127.1.2.3:9", { host: "127.1.2.3", port: 9 }, true, "127.1.2.3:9"],
    ["localhost.example.com:9", { host: "localhost.example.com", port: 9 }, false, "localhost.example.com:9"],
    ["127.0.0.1.example.com:9", { host: "127.0.0.1.example.com", port: 9 }, false, "127.0.0.1.example.com:9"],
    ["passthrough:///example.com:1", { host: "example.com", port: 1 }, false, "example.com:1"],
    ["ipv4:127.0.0.1:1,10.0.0.1", { host: "127.0.0.1", port: 1 }, false, "127.0.0.1:1"],
    ["ipv4:127.0.0.1:1,127.0.0.2:2", { host: "127.0.0.1", port: 1 }, true, "127.0.0.1:1"],
    ["ipv6:[::1]:1,[::1]:2", { host: "::1", port: 1 }, true, "[::1]:1"],
    ["ipv6:2001:db8::1", { host: "2001:db8::1", port: 443 }, false, "[2001:db8::1]"],
    ["unix:/run/x.sock", { path: "/run/x.sock" }, true, "localhost"],
    ["unix:///run/x.sock", { path: "/run/x.sock" }, true, "localhost"],
    ["unix:x.sock", { path: "x.sock" }, true, "localhost"],
    ["unix-abstract:name", { path: "\0name" }, true, "localhost"],
    // A zone is for this machine only; grpc#26175 asked for it.
    ["[fe80::1%eth0]:80", { host: "fe80::1%eth0", port: 80 }, false, "[fe80::1]:80"],
    ["dns:///[fe80::1%25eth0]", { host: "fe80::1%eth0", port: 443 }, false, "[fe80::1]"],
  ])("%s is understood", (target, socket, local, authority) => {
    const parsed = parseTarget(target);
    const address = parsed.addresses?.[0] ?? parseAddress(parsed.lookup?.path ?? "");
    expect({ address, local: parsed.local, authority: parsed.authority }).toEqual({
      address: socket,
      local,
      authority,
    });
  });

  it.each([
    ["", /target "" is not one: use "host:port"/],
    ["http://example.com", /is not one: use "host:port", "dns:\/\/\/host:port" or "unix:\/path"/],
    ["::1:50051", /is not one/],
    ["host:99999", /is not one/],
    ["host:port", /is not one/],
    ["dns://8.8.8.8/example.com", /names a DNS server, which is not supported/],
    ["passthrough://x/y:1", /has an authority: use "passthrough:\/\/\/host:port"/],
    ["ipv4:localhost:1", /has "localhost:1" as an address: use "ipv4:1.2.3.4:50051/],
    ["ipv4:1.2.3.4:1,", /has "" as an address/],
    ["ipv6:1.2.3.4:1", /has "1.2.3.4:1" as an address: use "ipv6:\[::1\]:50051/],
    ["unix:", /"unix:" has no path/],
    ["unix://relative", /"unix:\/\/relative" has no path/],
    ["unix-abstract:", /"unix-abstract:" has no name/],
    // The system would cut the path, and another server would answer (nodejs/node#48316).
    [`unix:/${"x".repeat(107)}`, /has 108 bytes, which is more than this system takes/],
  ])("%j is refused with a word on what it should be", (target, message) => {
    expect(() => new Channel(target)).toThrow(message);
  });

  it.each<[() => unknown, string]>([
    [
      () => new Channel("localhost:1", { tls: {}, plaintext: true }),
      "a channel has either tls or plaintext: true, not both",
    ],
    [
      () => new Channel({ transport: duplexPair()[0] }, { tls: {} }),
      "tls is for targets that are addresses or { connect }; a given transport is used as it is",
    ],
    [() => new Channel({} as never), "a channel's target is a string, { transport } or { connect }"],
    [
      () => new Channel("localhost:1", { userAgent: "a\nb" }),
      'userAgent must be printable ASCII, not "a\\nb grpc-node-trunkline/',
    ],
    [() => new Channel("localhost:1", { authority: "" }), 'authority must be printable ASCII, not ""'],
    [
      () => new Channel("localhost:1", { maxWaitingCalls: -1 }),
      "maxWaitingCalls must be a whole number from 0 on, not -1",
    ],
    [
      () => new Channel("localhost:1", { maxReceiveMessageBytes: 2 ** 32 }),
      "maxReceiveMessageBytes must be a whole number from 0 to 4294967295, not 4294967296",
    ],
    [
      () => new Server({ maxConcurrentStreams: 1.5 }),
      "maxConcurrentStreams must be a whole number from 0 to 2147483647, not 1.5",
    ],
    [
      () => new Channel("localhost:1", { http2: { settings: { maxFrameSize: 1 } } }),
      "maxFrameSize must be a whole number from 16384 to 16777215, not 1",
    ],
    [
      () => new Server({ http2: { limits: { handshakeTimeoutMs: 0 } } }),
      "handshakeTimeoutMs must be a whole number from 1 to 2147483647, not 0",
    ],
    [
      () => new Channel("localhost:1", { connectTimeoutMs: 0 }),
      "connectTimeoutMs must be a whole number from 1 to 2147483647, not 0",
    ],
    [() => createClient(Echo, {} as never), "a client is made on a Channel"],
    [
      () => createClient({ typeName: "a.B" } as never, new Channel("localhost:1")),
      "a service is a descriptor of protobuf-es, a definition as of grpc-tools, ts-proto or @grpc/proto-loader, " +
        "or { typeName, methods }",
    ],
  ])("options that cannot be are refused: %s", (make, message) => {
    expect(make).toThrow(message);
  });
});

it("the version in user-agent is the package's", () => {
  expect(version).toBe(packageJson.version);
});
