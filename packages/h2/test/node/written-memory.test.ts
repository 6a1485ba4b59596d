/** A socket tells when it needs the memory of what was written no more; another duplex may have handed it on. */
import net from "node:net";
import { afterEach, expect, it } from "vitest";
import { duplexTransport } from "../../src/node/index.js";
import { Cleanup, duplexPair } from "../support/sockets.js";

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const events = { onData() {}, onDrain() {}, onEnd() {}, onClose() {} };

it("the callbacks of a write to a socket come once it has gone to the system, for one chunk and several", async () => {
  const server = net.createServer((socket) => socket.resume());
  cleanup.add(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as net.AddressInfo;
  const socket = net.connect({ port, host: "127.0.0.1" });
  cleanup.add(() => socket.destroy());
  await new Promise((resolve) => socket.once("connect", resolve));
  const transport = duplexTransport(socket);
  transport.start(events);
  const chunk = new Uint8Array(100_000);
  for (const chunks of [[chunk], [chunk, chunk, chunk]]) {
    await new Promise<void>((resolve) => {
      let left = 2;
      const onWritten = (): void => {
        left -= 1;
        if (left > 0) return;
        expect(socket.writableLength).toBe(0);
        resolve();
      };
      transport.write(chunks, [onWritten, onWritten]);
    });
  }
});

it("a write that fails, and one to a duplex that is no socket, call nobody", async () => {
  const told: string[] = [];
  const socket = new net.Socket();
  const failed = new Promise((resolve) => socket.once("close", resolve));
  duplexTransport(socket).write([new Uint8Array(1)], [() => told.push("failed")]);
  socket.destroy(new Error("no route"));
  await failed;
  const [left, right] = duplexPair();
  const received = new Promise((resolve) => right.once("data", resolve));
  duplexTransport(left).write([new Uint8Array(5_000)], [() => told.push("handed on")]);
  await received;
  await new Promise((resolve) => setImmediate(resolve));
  expect(told).toEqual([]);
});
