/**
 * A driver stops reading from a peer while its connection holds too much of a full budget, and goes on when there is
 * room.
 */
import { Duplex } from "node:stream";
import { VirtualClock } from "@trunkline/base/testing";
import { expect, it } from "vitest";
import { ByteBudget, Connection } from "../../src/index.js";
import { ConnectionDriver, duplexTransport } from "../../src/node/index.js";
import { clientPreface, FrameFactory, RecordingHandler } from "../../src/testing/index.js";
import { requestFields } from "../support/engine.js";

const mib = 2 ** 20;

/** Some turns of the event loop: everything happens that needs nothing from the peer. */
async function turns(count = 5): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

it("a peer is not read from while the budget is full, and again when another connection frees it", async () => {
  const receiveBudget = new ByteBudget(4 * mib);
  const socket = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
  const handler = new RecordingHandler();
  const settings = { initialWindowSize: 8 * mib };
  const connection = new Connection({ role: "server", settings, limits: { receiveBudget } }, handler);
  // On a clock that stands still no turn is too long.
  const driver = new ConnectionDriver(connection, duplexTransport(socket), { clock: new VirtualClock() });
  const peer = new FrameFactory();
  for (const frame of [clientPreface, peer.settings(), peer.settingsAck(), peer.headers(1, requestFields)])
    socket.push(frame);
  for (let frame = 0; frame < 128; frame++) socket.push(peer.data(1, new Uint8Array(16_384)));
  await turns();
  expect([receiveBudget.usedBytes, socket.isPaused()]).toEqual([2 * mib, false]);
  receiveBudget.add(3 * mib); // what another connection holds
  socket.push(peer.data(1, new Uint8Array(16_384)));
  await turns();
  expect(socket.isPaused()).toBe(true);
  receiveBudget.add(-3 * mib);
  await turns();
  expect(socket.isPaused()).toBe(false);
  driver.destroy();
  handler.stream(1).release();
  expect(receiveBudget.usedBytes).toBe(0);
});
