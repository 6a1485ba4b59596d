/** Options that do not exist are refused by name, with those that do: without a word they would have no effect. */
import { expect, it } from "vitest";
import { failureOf } from "../../../base/test/support/failure-of.js";
import { Connection, checkConnectionOptions } from "../../src/index.js";
import { ConnectionDriver, connectSocket, createSocketServer } from "../../src/node/index.js";
import { RecordingHandler } from "../../src/testing/index.js";

const wrong = { maxStreamWindwo: 5 } as never;
const role = "client" as const;

it.each<[string, () => unknown]>([
  ["a connection", () => checkConnectionOptions({ role, ...(wrong as object) })],
  ["a connection", () => new Connection({ role, ...(wrong as object) }, new RecordingHandler())],
  ["settings", () => checkConnectionOptions({ role, settings: wrong })],
  ["limits", () => checkConnectionOptions({ role, limits: wrong })],
  ["uselessFrames", () => checkConnectionOptions({ role, limits: { uselessFrames: wrong } })],
  ["lifetime", () => checkConnectionOptions({ role, lifetime: wrong })],
  ["ConnectionDriver", () => new ConnectionDriver({} as never, {} as never, wrong)],
  ["createSocketServer", () => createSocketServer(wrong, () => {})],
  ["a connection", () => connectSocket({ host: "127.0.0.1", port: 1 }, wrong)],
])("an option that %s does not know is refused", async (owner, use) => {
  const error = await failureOf(use);
  expect(error).toBeInstanceOf(TypeError);
  expect((error as Error).message).toContain(`${owner} has no option "maxStreamWindwo": it knows `);
});

it("limits that were checked before are taken as they are", () => {
  const { limits } = checkConnectionOptions({ role, limits: { maxSettingsEntries: 7 } });
  expect(checkConnectionOptions({ role, limits }).limits).toBe(limits);
});
