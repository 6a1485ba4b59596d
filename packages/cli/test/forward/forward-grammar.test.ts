import { describe, expect, test } from "vitest";
import { type Forward, parseForwards, printForward } from "../../src/forward/forward-grammar.js";

function reverse(host: string, port: number, targetHost: string, targetPort: number): Forward {
  return { name: "board", reverse: { host, port }, target: { host: targetHost, port: targetPort } };
}

describe("a forward", () => {
  test.each<[string, Forward, string]>([
    ["5432:lab/db", { name: "lab/db", listen: { host: "127.0.0.1", port: 5432 } }, "127.0.0.1:5432:lab/db"],
    ["0:8080", { name: "8080", listen: { host: "127.0.0.1", port: 0 } }, "127.0.0.1:0:8080"],
    ["0.0.0.0:80:web", { name: "web", listen: { host: "0.0.0.0", port: 80 } }, "0.0.0.0:80:web"],
    ["[::1]:80:web", { name: "web", listen: { host: "::1", port: 80 } }, "[::1]:80:web"],
    ["unix:/run/a.sock:web", { name: "web", listen: { path: "/run/a.sock" } }, "unix:/run/a.sock:web"],
    ["udp:5353:dns", { name: "dns", listen: { udp: { host: "127.0.0.1", port: 5353 } } }, "udp:127.0.0.1:5353:dns"],
  ])("%s is understood, and printed as it is", (word, forward, printed) => {
    expect(parseForwards([word])).toEqual([forward]);
    expect(printForward(forward)).toBe(printed);
    expect(parseForwards([printed])).toEqual([forward]);
  });

  test.each<[string, Forward, string]>([
    ["R:8080", reverse("127.0.0.1", 8_080, "localhost", 8_080), "R:127.0.0.1:8080:localhost:8080"],
    ["R:0:3000", reverse("127.0.0.1", 0, "localhost", 3_000), "R:127.0.0.1:0:localhost:3000"],
    ["R:8080:host:80", reverse("127.0.0.1", 8_080, "host", 80), "R:127.0.0.1:8080:host:80"],
    ["R:0.0.0.0:8080:host:80", reverse("0.0.0.0", 8_080, "host", 80), "R:0.0.0.0:8080:host:80"],
    ["R:[::]:8080:[::1]:80", reverse("::", 8_080, "::1", 80), "R:[::]:8080:[::1]:80"],
    ["R:localhost:8080", reverse("localhost", 8_080, "localhost", 8_080), "R:localhost:8080:localhost:8080"],
  ])("%s behind a name is a reverse one", (word, forward, printed) => {
    expect(parseForwards(["1:a", "board", word, "2:b"])[1]).toEqual(forward);
    expect(printForward(forward)).toBe(`board ${printed}`);
    expect(parseForwards(["board", printed])).toEqual([forward]);
  });

  test.each([
    [["R:8080"], "has no name before it, at whose exposer it listens"],
    [["board", "1:a", "R:8080"], 'forward "board" has no address to listen on'],
    [["board", "R:"], 'forward "R:" has no port behind R:'],
    [["board", "R:udp:53"], '"udp:53" is an address of UDP'],
    [["board", "R:host:80:x:1"], 'has "host" for its host, which is not an IP address'],
    [["board", "R:80:exec:cat"], "leads to something else than a port or a Unix socket"],
    [["board", "R:70000"], "must be from 0 to 65535"],
    [["board", "R:80:0"], "must be from 1 to 65535"],
  ])("%j is refused", (words, message) => {
    expect(() => parseForwards(words)).toThrow(message);
  });

  test.each([
    ["web", 'forward "web" has no address to listen on; use [HOST:]PORT:NAME'],
    ["5432:", 'forward "5432:" has no name behind its last colon'],
    ["lab/db:5432", 'address to listen on "lab/db" has no port'],
    ["udp:dns", 'address to listen on "udp" has no port'],
    ["udp:unix:/x:dns", "is a Unix socket behind udp:"],
    ["70000:web", "must be from 0 to 65535"],
  ])("%s is refused: %s", (word, message) => {
    expect(() => parseForwards([word])).toThrow(message);
  });

  test("there are 100 at most", () => {
    const words = Array.from({ length: 101 }, () => "0:web");
    expect(parseForwards(words.slice(1))).toHaveLength(100);
    expect(() => parseForwards(words)).toThrow("101 forwards are more than 100");
  });
});
