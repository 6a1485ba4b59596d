/** The memory that sockets are read into is used again: nothing may look at it later. */
import net from "node:net";
import { afterEach, expect, it } from "vitest";
import { duplexTransport } from "../../src/node/index.js";
import { Cleanup, duplexPair } from "../support/sockets.js";

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

/** A connected pair of sockets: that of the server first. */
async function connected(): Promise<readonly [net.Socket, net.Socket]> {
  const server = net.createServer({ allowHalfOpen: true });
  cleanup.add(() => server.close());
  const accepted = new Promise<net.Socket>((resolve) => server.once("connection", resolve));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as net.AddressInfo;
  const client = net.connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  await new Promise((resolve) => client.once("connect", resolve));
  const socket = await accepted;
  for (const each of [socket, client]) cleanup.add(() => each.destroy());
  return [socket, client];
}

interface Reading {
  /** The memory of each chunk. */
  readonly buffers: Set<ArrayBufferLike>;
  readonly text: () => string;
  readonly ended: Promise<void>;
}

function read(transport: ReturnType<typeof duplexTransport>): Reading {
  const buffers = new Set<ArrayBufferLike>();
  let text = "";
  const ended = new Promise<void>((resolve) => {
    transport.start({
      onData(chunk) {
        buffers.add(chunk.buffer);
        text += Buffer.from(chunk).toString("latin1");
      },
      onDrain() {},
      onEnd: resolve,
      onClose() {},
    });
  });
  return { buffers, text: () => text, ended };
}

it("all reads of all TCP sockets go into one piece, at both ends, and the end is told after them", async () => {
  const pairs = [await connected(), await connected()];
  const readings = pairs.flat().map((socket) => read(duplexTransport(socket)));
  for (const [index, socket] of pairs.flat().entries()) {
    for (let round = 0; round < 20; round++) {
      socket.write(String(index).repeat(1_000));
      await new Promise((resolve) => setImmediate(resolve));
    }
    socket.end();
  }
  await Promise.all(readings.map(({ ended }) => ended));
  expect(readings.map(({ text }) => text())).toEqual(["1", "0", "3", "2"].map((each) => each.repeat(20_000)));
  const all = new Set(readings.flatMap(({ buffers }) => [...buffers]));
  expect(all.size).toBe(1);
});

it("a transport that is paused reads nothing, and goes on where it was", async () => {
  const [socket, client] = await connected();
  const transport = duplexTransport(socket);
  const reading = read(transport);
  transport.pause();
  client.end("later");
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect(reading.text()).toBe("");
  transport.resume();
  await reading.ended;
  expect(reading.text()).toBe("later");
});

it("a socket that was read from already, and what is no socket, is read as usual", async () => {
  const [socket, client] = await connected();
  client.write("early ");
  await new Promise((resolve) => socket.once("readable", resolve));
  const reading = read(duplexTransport(socket));
  client.end("late");
  await reading.ended;
  expect(reading.text()).toBe("early late");

  const [one, other] = duplexPair();
  const plain = read(duplexTransport(one));
  other.end("in memory");
  await plain.ended;
  expect(plain.text()).toBe("in memory");
});
