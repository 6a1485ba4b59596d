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
  "beside-100-streams": (client, durationMs) => unary(client, durationMs, 100),
  "beside-10000-streams": (client, durationMs) => unary(client, durationMs, 100),
  "beside-1000-connections": (client, durationMs) => unary(client, durationMs, 100),
  "long-way-1": (client, durationMs) => oneWay(client, durationMs, largePayload, largePayload.length),
  "long-way-16": (client, durationMs) => manyOneWay(client, durationMs, 16),
};

/** The streams and connections that are opened, used once, and left open where their memory is measured. */
export const idle = { streams: 10_000, connections: 1_000 };
/** The number that is opened at a time. */
const atATime = 16;

/**
 * Opens streams on one connection. Each does a round trip and stays open.
 * @param {GrpcClient} client
 * @param {number} count
 */
export function openStreams(client, count) {
  return openMany(count, async () => {
    const stream = await client.pingPong();
    check(await stream.roundTrip(smallPayload));
    return stream;
  });
}

/**
 * Opens connections. Each does a call and stays open.
 * @param {() => Promise<GrpcClient>} connect
 * @param {number} count
 */
export function openConnections(connect, count) {
  return openMany(count, async () => {
    const client = await connect();
    check(await client.echo(smallPayload));
    return client;
  });
}

/** @type {unknown[]} */
const kept = [];

/**
 * @param {number} count
 * @param {() => Promise<unknown>} open
 */
async function openMany(count, open) {
  let left = count;
  const opener = async () => {
    while (left > 0) {
      left -= 1;
      kept.push(await open());
    }
  };
  await Promise.all(Array.from({ length: atATime }, opener));
}

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

/**
 * Large messages one way on several streams of one connection.
 * @param {GrpcClient} client
 * @param {number} durationMs
 * @param {number} streams
 */
async function manyOneWay(client, durationMs, streams) {
  const window = startWindow(durationMs);
  const upload = () => oneWay(client, durationMs, largePayload, largePayload.length);
  const results = await Promise.all(Array.from({ length: streams }, upload));
  return window.done(results.reduce((sum, { amount }) => sum + amount, 0));
}

/** @param {Uint8Array} payload */
function check(payload) {
  if (payload.length !== smallPayload.length || payload[0] !== smallPayload[0] || payload[9] !== smallPayload[9]) {
    throw new Error(`the answer is not what was sent: ${payload.length} bytes`);
  }
}
