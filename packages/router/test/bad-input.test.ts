import { describe, expect, it } from "vitest";
import {
  dial,
  listen,
  Router,
  type RouterOptions,
  RouterStream,
  Trunkline,
  type TrunklineOptions,
} from "../src/index.js";

const keys = [{ secret: "a key that only tests use, and long enough" }];

describe("bad input gets an error that names it", () => {
  const cases: [what: string, run: () => unknown, message: RegExp][] = [
    ["a RouterStream of something else", () => new RouterStream({} as never), /made of a ClientCall or a ServerCall/],
    ["a router without keys", () => new Router({ keys: [] }), /at least one key/],
    ["a router without options", () => new Router({} as RouterOptions), /at least one key/],
    [
      "a negative wait",
      () => new Router({ keys, maxWaitMs: -1 }),
      /maxWaitMs must be a whole number from 1 .*, not -1/,
    ],
    [
      "an endpoint that is none",
      () => new Trunkline({ endpoint: "nonsense://", token: "t" }),
      /target "nonsense:\/\/" is not one: use "host:port"/,
    ],
    [
      "endpoints that are no array",
      () => new Trunkline({ endpoint: "a:1", endpoints: "b:1" as unknown as string[], token: "t" }),
      /endpoints must be an array of endpoints, not string/,
    ],
    [
      "an unknown option of a router",
      () => new Router({ keys, maxListener: 1 } as RouterOptions),
      /Router has no option "maxListener": it knows clientCertificates, clock, .*maxListeners/,
    ],
    [
      "an unknown option of a client",
      () => new Trunkline({ endpoint: "127.0.0.1:1", token: "t", timeoutMs: 1 } as TrunklineOptions),
      /Trunkline has no option "timeoutMs": it knows backoff, /,
    ],
    [
      "an unknown option of dial",
      () => dial("web", { endpoint: "127.0.0.1:1", token: "t", timeoutMs: 1 } as TrunklineOptions),
      /dial has no option "timeoutMs": it knows .*token.*waitMs/,
    ],
    [
      "an unknown option of listen",
      () => listen("web", { endpoint: "127.0.0.1:1", token: "t", waitMs: 1 } as TrunklineOptions),
      /listen has no option "waitMs": it knows .*maxWaitingStreams/,
    ],
    [
      "an unknown option of a token",
      () => new Router({ keys }).mintToken({ identity: "a", lifetime: 5 } as never),
      /mintToken has no option "lifetime": it knows admin, identity, lifetimeMs/,
    ],
    [
      "no token",
      () => new Trunkline({ endpoint: "127.0.0.1:1" } as TrunklineOptions),
      /a token is a string that is not empty/,
    ],
    [
      "no time to wait for a listener",
      () => dial("web", { endpoint: "127.0.0.1:1", token: "t", waitMs: 0 }),
      /waitMs must be a whole number from 1 to/,
    ],
    [
      "a token of nobody",
      () => new Router({ keys }).mintToken({ identity: "", lifetimeMs: 1 }),
      /identity of a token must not be empty/,
    ],
    [
      "a token without a lifetime",
      () => new Router({ keys }).mintToken({ identity: "a", lifetimeMs: 0 }),
      /lifetimeMs .* not 0/,
    ],
    [
      "listening beyond loopback without TLS",
      () => new Router({ keys }).listen("0.0.0.0:0"),
      /give tls, or plaintext: true/,
    ],
    [
      "a router that is not there",
      () => dial("web", { endpoint: "127.0.0.1:1", token: "t" }),
      /cannot connect to 127\.0\.0\.1:1: .*ECONNREFUSED/,
    ],
  ];
  for (const [what, run, message] of cases) {
    it(what, async () => {
      await expect((async () => run())()).rejects.toThrow(message);
    });
  }
});
