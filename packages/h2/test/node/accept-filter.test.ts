import type net from "node:net";
import { expect, it } from "vitest";
import { AcceptFilter } from "../../src/node/accept-filter.js";
import { duplexPair } from "../support/sockets.js";

it("a server that closes destroys the sockets that it has rejected and that have not ended yet", () => {
  const filter = new AcceptFilter();
  const [rejected] = duplexPair();
  filter.reject(rejected as net.Socket, "no certificate");
  expect(rejected.destroyed).toBe(false);
  filter.clear();
  expect(rejected.destroyed).toBe(true);
});
