/** URLs of proxies, and the proxy that an environment names. */
import { describe, expect, it } from "vitest";
import { parseProxy, printProxy, proxyFromEnvironment, resolvesNames } from "../../src/index.js";
import { isExcepted } from "../../src/proxy/environment.js";
import { parseIp } from "../../src/proxy/ip.js";

const target = { host: "api.example.com", port: 443 };

describe("the URL of a proxy", () => {
  it.each([
    ["http://proxy", "http", "proxy", 80],
    ["https://proxy/", "https", "proxy", 443],
    ["SOCKS5://10.0.0.1", "socks5", "10.0.0.1", 1080],
    ["socks5h://[::1]:9", "socks5h", "::1", 9],
    ["proxy:3128", "http", "proxy", 3128],
  ])("%s has protocol, host and port", (url, protocol, host, port) => {
    expect(parseProxy(url)).toEqual({ protocol, host, port, credentials: undefined });
  });

  it("has user and password, in which an @ may stand as it is", () => {
    expect(parseProxy("http://me:a@b/c%3A%20d@proxy:1").credentials).toEqual({ user: "me", password: "a@b/c: d" });
    expect(parseProxy("http://me@proxy:1").credentials).toEqual({ user: "me", password: "" });
    expect(printProxy(parseProxy("http://me:secret@proxy:1"))).toBe("proxy:1");
  });

  it.each([
    "socks4://me:secret@proxy:1",
    "http://me:secret@",
    "http://me:secret@proxy:99999",
    "http://me:secret@proxy:0",
    "http://me:secret@pro xy",
    "http://proxy/secret",
    "http://me:secret%ff@proxy",
    "http://me:secret%0d%0a@proxy",
    "http://me%3Aa:secret@proxy",
    "socks5://:secret@proxy",
    `http://me:secret${"a".repeat(250)}@proxy`,
    "",
    undefined as unknown as string,
  ])("%j is refused, without its secrets", (url) => {
    let message = "";
    expect(() => {
      try {
        parseProxy(url, "my_proxy");
      } catch (error) {
        ({ message } = error as Error);
        throw error;
      }
    }).toThrow(TypeError);
    expect(message).toContain("my_proxy");
    expect(message).not.toContain("secret");
  });

  it("says who resolves names", () => {
    const resolving = ["http://p", "https://p", "socks5h://p", "socks5://p"].filter((url) =>
      resolvesNames(parseProxy(url)),
    );
    expect(resolving).toEqual(["http://p", "https://p", "socks5h://p"]);
  });
});

describe("the environment", () => {
  it("names the proxy by the first variable that is set, in lower case before upper case", () => {
    const all: Record<string, string> = {};
    const names = ["grpc_proxy", "https_proxy", "http_proxy", "all_proxy"].flatMap((name) => [
      name,
      name.toUpperCase(),
    ]);
    for (const name of names.reverse()) {
      all[name] = `http://${name.replace("_", "-")}`;
      expect(proxyFromEnvironment(target, all)?.host).toBe(name.replace("_", "-"));
    }
    expect(proxyFromEnvironment(target, { https_proxy: " ", HTTP_PROXY: "p" })?.host).toBe("p");
    expect(proxyFromEnvironment(target, {})).toBeUndefined();
  });

  it("names none for loopback, by what is an exception, and by a header of CGI", () => {
    const environment = { https_proxy: "http://p" };
    for (const host of ["localhost", "127.0.0.2", "::1"])
      expect(proxyFromEnvironment({ host, port: 1 }, environment)).toBeUndefined();
    expect(proxyFromEnvironment(target, { ...environment, NO_PROXY: "example.com" })).toBeUndefined();
    expect(proxyFromEnvironment(target, { ...environment, no_proxy: "*", no_grpc_proxy: "a" })?.host).toBe("p");
    expect(proxyFromEnvironment(target, { HTTP_PROXY: "p", REQUEST_METHOD: "GET" })).toBeUndefined();
  });

  it("refuses a variable that is no URL of a proxy by its name", () => {
    expect(() => proxyFromEnvironment(target, { ALL_PROXY: "ftp://p" })).toThrow("the environment variable ALL_PROXY");
  });

  it.each([
    ["*", true],
    ["a, *", true],
    ["example.com", true],
    ["EXAMPLE.com.", true],
    [".example.com", true],
    ["*.example.com", true],
    [".api.example.com", false],
    ["ample.com", false],
    ["api.example.com:443", true],
    ["api.example.com:444", false],
    ["10.0.0.0/8", false],
    ["a,,b api.example.com", true],
    ["[bad", false],
    ["", false],
  ])("excepts a name by %j: %s", (list, expected) => {
    expect(isExcepted(target, list)).toBe(expected);
  });

  it.each([
    ["10.0.0.0/8", "10.9.8.7", true],
    ["10.0.0.0/8", "11.0.0.0", false],
    ["10.0.0.128/25", "10.0.0.127", false],
    ["10.0.0.128/25", "10.0.0.200", true],
    ["0.0.0.0/0", "1.2.3.4", true],
    ["10.0.0.0/33", "10.0.0.0", false],
    ["10.0.0.1", "10.0.0.1", true],
    ["10.0.0.1:1", "10.0.0.1", true],
    ["10.0.0.1:2", "10.0.0.1", false],
    ["0.0.1", "10.0.0.1", false],
    ["2001:db8::/32", "2001:db8:1::1", true],
    ["2001:db8::1", "2001:DB8:0::1", true],
    ["[2001:db8::1]:1", "2001:db8::1", true],
    ["0.0.0.0/0", "2001:db8::1", false],
  ])("excepts by %s the address %s: %s", (list, host, expected) => {
    expect(isExcepted({ host, port: 1 }, list)).toBe(expected);
  });

  it.each([
    "1.2.3",
    "1.2.3.256",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "::1:2:3:4:5:6:7:8",
    "12345::",
    "a.b.c.d",
  ])("knows that %s is no IP address", (text) => expect(parseIp(text)).toBeUndefined());
});
