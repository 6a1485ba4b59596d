import { describe, expect, it } from "vitest";
import {
  isLocalAddress,
  isLoopback,
  parseHostPort,
  parseUnixAddress,
  printAddress,
  withoutZone,
} from "../src/address.js";

describe("an address as text", () => {
  it.each([
    [{ host: "127.0.0.1", port: 80 }, "127.0.0.1:80"],
    [{ host: "example.org", port: 0 }, "example.org:0"],
    [{ host: "::1", port: 80 }, "[::1]:80"],
    [{ host: "fe80::1%eth0", port: 80 }, "[fe80::1%eth0]:80"],
    [{ path: "/run/x.sock" }, "unix:/run/x.sock"],
    [{ path: "\0name" }, "unix-abstract:name"],
  ])("%j is printed as %s, and parsed again", (address, text) => {
    expect(printAddress(address)).toBe(text);
    expect(parseUnixAddress(text) ?? parseHostPort(text)).toEqual(address);
  });

  it.each([
    ["localhost", { host: "localhost", port: undefined }],
    ["[::1]", { host: "::1", port: undefined }],
    ["[::ffff:127.0.0.1]:1", { host: "::ffff:127.0.0.1", port: 1 }],
    ["[fe80::1%25eth0]:443", { host: "fe80::1%eth0", port: 443 }],
    ["[fe80::1%25]:443", { host: "fe80::1%25", port: 443 }],
    ["host:65535", { host: "host", port: 65_535 }],
    ["host:65536", undefined],
    ["host:", undefined],
    ["::1:80", undefined],
    ["[fe80::1%]:80", undefined],
    ["[fe80::1%a]b]:80", undefined],
    ["host%eth0:80", undefined],
    ["a b:80", undefined],
    ["", undefined],
  ])("%j is parsed as a host with or without a port, or refused", (text, parsed) => {
    expect(parseHostPort(text)).toEqual(parsed);
  });

  it.each([
    ["unix:x.sock", "x.sock"],
    ["unix:/run/x.sock", "/run/x.sock"],
    ["unix:///run/x.sock", "/run/x.sock"],
    ["unix-abstract:a/b", "\0a/b"],
  ])("%s is the path of a Unix socket", (text, path) => {
    expect(parseUnixAddress(text)).toEqual({ path });
  });

  it.each([
    ["unix:", "has no path"],
    ["unix://relative", "has no path"],
    ["unix-abstract:", "has no name"],
    ["unix:a\0b", "has a zero byte"],
  ])("%j is refused by name", (text, why) => {
    expect(() => parseUnixAddress(text)).toThrow(why);
  });

  it("tells what only this machine can reach", () => {
    for (const host of ["localhost", "::1", "::1%lo", "127.9.9.9", "::ffff:127.0.0.1"])
      expect(isLoopback(host), host).toBe(true);
    for (const host of ["localhost.example.org", "128.0.0.1", "127.0.0.1.example.org", "::2", "0.0.0.0", "::"])
      expect(isLoopback(host), host).toBe(false);
    expect(isLocalAddress({ path: "/x" })).toBe(true);
    expect(isLocalAddress({ host: "10.0.0.1", port: 1 })).toBe(false);
  });

  it("has a zone only with IPv6", () => {
    expect(withoutZone("fe80::1%eth0")).toBe("fe80::1");
    expect(withoutZone("name%eth0")).toBe("name%eth0");
  });
});
