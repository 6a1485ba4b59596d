/** The work of a client in the gRPC scenarios. It checks every answer. */
import { startWindow } from "./timer.mjs";

/** @typedef {import("../types.d.ts").GrpcClient} GrpcClient */

const smallPayload = Uint8Array.from({ length: 10 }, (_, index) => index + 1);
const largePayload = new Uint8Array(65_536).fill(0x5a);

/** @type {Record<string, (client: GrpcClient, durationMs: number) => Promise<import("../types.d.ts").Measurement>>} */
export const grpcScenarios = {
  "unary-1": (client, durationMs) => unary(client, durationMs, 1),
  "unary-100-dressed": (client, durationMs) => unary(client, durationMs, 100),
  "unary-100": (client, durationMs) => unary(client, durationMs, 100),
  "ping-pong": pingPong,
  "small-messages": (client, durationMs) => oneWay(client, durationMs, smallPayload, 1),
  "64k-messages-roomy": (client, durationMs) => oneWay(client, durationMs, largePayload, largePayload.length),
  "64k-messages": (client, durationMs) => oneWay(client, durationMs, largePayload, largePayload.length),
};

/** The streams and connections that are opened, used once, and left open where their memory is measured. */
const idle = { streams: 10_000, connections: 1_000, atATime: 16 };

/**
 * @param {() => Promise<GrpcClient>} connect
 * @param {string} scenario
 */
export async function openIdle(connect, scenario) {
  const connections = scenario === "idle-connections-memory";
  const shared = connections ? undefined : await connect();
  let left = connections ? idle.connections : idle.streams;
  const open = async () => {
    while (left > 0) {
      left -= 1;
      const client = shared ?? (await connect());
      check(connections ? await client.echo(smallPayload) : await (await client.pingPong()).roundTrip(smallPayload));
      kept.push(client);
    }
  };
  await Promise.all(Array.from({ length: idle.atATime }, open));
}

/** @type {GrpcClient[]} */
const kept = [];

/**
 * Measures the time from the first line of the runtime's code to the first answer.
 * @param {GrpcClient} client
 * @param {number} startedAt by `performance.now()`, before the runtime was imported
 * @returns {Promise<import("../types.d.ts").Measurement>}
 */
export async function firstAnswer(client, startedAt) {
  check(await client.echo(smallPayload));
  const elapsedMs = performance.now() - startedAt;
  return { amount: elapsedMs, elapsedMs };
}

/**
 * @param {GrpcClient} client
 * @param {number} durationMs
 * @param {number} inFlight
 */
async function unary(client, durationMs, inFlight) {
  const window = startWindow(durationMs);
  let calls = 0;
  const caller = async () => {
    while (!window.isOver()) {
      check(await client.echo(smallPayload));
      calls += 1;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, caller));
  return window.done(calls);
}

/**
 * @param {GrpcClient} client
 * @param {number} durationMs
 */
async function pingPong(client, durationMs) {
  const stream = await client.pingPong();
  check(await stream.roundTrip(smallPayload));
  const window = startWindow(durationMs);
  let roundTrips = 0;
  while (!window.isOver()) {
    check(await stream.roundTrip(smallPayload));
    roundTrips += 1;
  }
  const result = window.done(roundTrips);
  await stream.end();
  return result;
}

/**
 * Measures from the first message to the server's answer that all have arrived.
 * @param {GrpcClient} client
 * @param {number} durationMs
 * @param {Uint8Array} payload
 * @param {number} amountPerMessage
 */
async function oneWay(client, durationMs, payload, amountPerMessage) {
  const window = startWindow(durationMs);
  const { sent, receivedBytes } = await client.upload(payload, window.isOverRarely());
  const result = window.done(sent * amountPerMessage);
  if (receivedBytes !== sent * payload.length)
    throw new Error(`of ${sent * payload.length} bytes sent ${receivedBytes} arrived`);
  return result;
}

/** @param {Uint8Array} payload */
function check(payload) {
  if (payload.length !== smallPayload.length || payload[0] !== smallPayload[0] || payload[9] !== smallPayload[9]) {
    throw new Error(`the answer is not what was sent: ${payload.length} bytes`);
  }
}
