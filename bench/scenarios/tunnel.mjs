/**
 * The work of both ends in the tunnel scenarios. The first byte of a stream says what the server is to do with the
 * rest: give it back, or count it and answer with the count.
 */
import { startWindow } from "./timer.mjs";

/**
 * @typedef {import("../types.d.ts").TunnelClient} TunnelClient
 * @typedef {import("../types.d.ts").ByteStream} ByteStream
 */

const echoMode = 0x65;
const countMode = 0x63;
const chunk = new Uint8Array(65_536).fill(0x5a);
const oneByte = Uint8Array.of(0x2a);
const setUpsAtATime = 16;

export const idleStreams = 1_000;

/**
 * @type {Record<string, (client: TunnelClient, durationMs: number) => Promise<import("../types.d.ts").Measurement>>}
 */
export const tunnelScenarios = {
  "tunnel-64k": oneWay,
  "tunnel-64k-roomy": oneWay,
  "tunnel-round-trips": roundTrips,
  "tunnel-set-ups": setUps,
};

/**
 * The server's end of every stream.
 * @param {ByteStream} stream
 */
export async function serve(stream) {
  const first = await stream.receive();
  if (first === undefined) return stream.close();
  let rest = first.subarray(1);
  if (first[0] === countMode) {
    let bytes = rest.length;
    for (let data = await stream.receive(); data; data = await stream.receive()) bytes += data.length;
    rest = new Uint8Array(8);
    new DataView(rest.buffer).setBigUint64(0, BigInt(bytes));
    await stream.send(rest);
  } else {
    if (rest.length > 0) await stream.send(rest);
    for (let data = await stream.receive(); data; data = await stream.receive()) await stream.send(data);
  }
  await stream.sendEof();
  await stream.close();
}

/**
 * Opens streams that have been used and say nothing now.
 * @param {TunnelClient} client
 */
export async function openIdleStreams(client) {
  let opened = 0;
  await inParallel(async () => {
    while (opened < idleStreams) {
      opened += 1;
      await openEcho(client);
    }
  });
}

/**
 * Measures from the first chunk to the server's answer that all have arrived.
 * @param {TunnelClient} client
 * @param {number} durationMs
 */
async function oneWay(client, durationMs) {
  const stream = await client.open();
  await stream.send(Uint8Array.of(countMode));
  const window = startWindow(durationMs);
  const isOver = window.isOverRarely();
  let sent = 0;
  while (!isOver()) {
    await stream.send(chunk);
    sent += chunk.length;
  }
  await stream.sendEof();
  const answer = await receiveExactly(stream, 8);
  const result = window.done(sent);
  const arrived = Number(new DataView(answer.buffer).getBigUint64(0));
  if (arrived !== sent) throw new Error(`of ${sent} bytes sent ${arrived} arrived`);
  await receiveEnd(stream);
  return result;
}

/**
 * @param {TunnelClient} client
 * @param {number} durationMs
 */
async function roundTrips(client, durationMs) {
  const stream = await openEcho(client);
  const window = startWindow(durationMs);
  let count = 0;
  while (!window.isOver()) {
    await stream.send(oneByte);
    await receiveExactly(stream, 1);
    count += 1;
  }
  const result = window.done(count);
  await stream.sendEof();
  await receiveEnd(stream);
  return result;
}

/**
 * A set-up is a stream opened, used for one round trip, and ended from both sides.
 * @param {TunnelClient} client
 * @param {number} durationMs
 */
async function setUps(client, durationMs) {
  const window = startWindow(durationMs);
  let count = 0;
  await inParallel(async () => {
    while (!window.isOver()) {
      const stream = await openEcho(client);
      await stream.sendEof();
      await receiveEnd(stream);
      count += 1;
    }
  });
  return window.done(count);
}

/** @param {TunnelClient} client */
async function openEcho(client) {
  const stream = await client.open();
  await stream.send(Uint8Array.of(echoMode, 0x2a));
  const answer = await receiveExactly(stream, 1);
  if (answer[0] !== 0x2a) throw new Error(`the answer is ${answer[0]} instead of 42`);
  return stream;
}

/** @param {() => Promise<void>} worker */
async function inParallel(worker) {
  await Promise.all(Array.from({ length: setUpsAtATime }, worker));
}

/**
 * @param {ByteStream} stream
 * @param {number} length
 */
async function receiveExactly(stream, length) {
  const whole = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const data = await stream.receive();
    if (data === undefined) throw new Error(`the stream ended after ${filled} of ${length} bytes`);
    if (filled + data.length > length) throw new Error(`more than ${length} bytes came`);
    whole.set(data, filled);
    filled += data.length;
  }
  return whole;
}

/** @param {ByteStream} stream */
async function receiveEnd(stream) {
  const data = await stream.receive();
  if (data !== undefined) throw new Error(`${data.length} bytes came after the last`);
  await stream.close();
}
