/** Messages over a socket to another process: `lengthPrefixed` beside framing by hand over Node's own socket. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { lengthPrefixed } from "@trunkline/streams";
import { streamFromDuplex } from "@trunkline/streams/node";

/** @typedef {"byHand" | "lengthPrefixed"} Way */

/**
 * Sends messages from here to another process, in the same way at both ends. Returns the rate, and the processor time
 * of both processes.
 * @param {Way} way @param {number} messageBytes @param {number} messages
 * @returns {Promise<{ perSecond: number, cpuMs: number }>}
 */
export async function framed(way, messageBytes, messages) {
  const sink = fork(new URL("framing-sink.mjs", import.meta.url), [way]);
  try {
    const [{ port }] = await once(sink, "message");
    await run(way, port, messageBytes, Math.ceil(messages / 4)); // warm
    const before = { here: process.cpuUsage(), thereMs: await cpuMsOf(sink) };
    const perSecond = await run(way, port, messageBytes, messages);
    const { user, system } = process.cpuUsage(before.here);
    return { perSecond, cpuMs: (user + system) / 1_000 + (await cpuMsOf(sink)) - before.thereMs };
  } finally {
    sink.kill();
  }
}

/** @param {import("node:child_process").ChildProcess} child @returns {Promise<number>} */
async function cpuMsOf(child) {
  child.send("cpu");
  const [{ cpuMs }] = await once(child, "message");
  return cpuMs;
}

/** @param {Way} way @param {number} port @param {number} messageBytes @param {number} messages */
async function run(way, port, messageBytes, messages) {
  const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true, noDelay: true });
  await once(socket, "connect");
  const message = new Uint8Array(messageBytes).fill(7);
  const begin = performance.now();
  await (way === "byHand" ? sendByHand(socket, message, messages) : sendFramed(socket, message, messages));
  return (messages * 1_000) / (performance.now() - begin);
}

/** @param {import("node:net").Socket} socket @param {Uint8Array} message @param {number} messages */
async function sendByHand(socket, message, messages) {
  for (let count = 0; count < messages; count++) {
    const frame = Buffer.allocUnsafe(4 + message.length);
    frame.writeUInt32BE(message.length, 0);
    frame.set(message, 4);
    if (!socket.write(frame)) await once(socket, "drain");
  }
  socket.end();
  socket.resume();
  await once(socket, "end"); // the other side has received everything
}

/** @param {import("node:net").Socket} socket @param {Uint8Array} message @param {number} messages */
async function sendFramed(socket, message, messages) {
  const stream = lengthPrefixed(streamFromDuplex(socket));
  for (let count = 0; count < messages; count++) await stream.send(message);
  await stream.sendEof();
  await stream.receive();
}
