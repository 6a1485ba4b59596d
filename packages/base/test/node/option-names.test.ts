/** Options that do not exist are refused by name, with those that do. */
import { PassThrough } from "node:stream";
import { expect, it } from "vitest";
import { Backoff } from "../../src/index.js";
import { acceptTls, createTlsServer, dialSocket, dialTls, startTls } from "../../src/node/index.js";
import { failureOf } from "../support/failure-of.js";

const wrong = { timeout: 5 } as never;
const address = { host: "127.0.0.1", port: 1 };

it.each<[string, () => unknown]>([
  ["backoff", () => new Backoff(wrong)],
  ["a connection", () => dialSocket(address, wrong)],
  ["a connection", () => dialTls(address, {}, wrong)],
  ["startTls", () => startTls(new PassThrough(), {}, wrong)],
  ["acceptTls", () => acceptTls(new PassThrough(), {}, wrong)],
  ["createTlsServer", () => createTlsServer(wrong)],
])("an option that %s does not know is refused", async (owner, use) => {
  const error = await failureOf(use);
  expect(error).toBeInstanceOf(TypeError);
  expect((error as Error).message).toContain(`${owner} has no option "timeout": it knows `);
});
