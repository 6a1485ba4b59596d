/** A TCP socket as the byte stream that the scenarios use. */
import { once } from "node:events";
import net from "node:net";

/** Chunks kept unread before the socket is paused: enough never to pause a reader that keeps up, 1 MiB at most. */
const maxUnreadChunks = 16;

/**
 * @param {net.Socket} socket
 * @returns {import("../types.d.ts").ByteStream}
 */
export function socketStream(socket) {
  socket.setNoDelay(true);
  /** @type {Uint8Array[]} */
  const chunks = [];
  let ended = false;
  /** @type {Error | undefined} */
  let failure;
  let wake = () => {};
  const settle = () => wake();
  socket.on("data", (chunk) => {
    chunks.push(chunk);
    if (chunks.length >= maxUnreadChunks) socket.pause();
    settle();
  });
  socket.on("end", () => {
    ended = true;
    settle();
  });
  socket.on("error", (error) => {
    failure = error;
    settle();
  });
  socket.on("close", () => {
    if (!ended) failure ??= new Error("the socket was closed before its end");
    settle();
  });
  return {
    async send(chunk) {
      if (failure) throw failure;
      if (!socket.write(chunk)) await once(socket, "drain");
    },
    async receive() {
      for (;;) {
        const chunk = chunks.shift();
        if (chunk) {
          if (socket.isPaused()) socket.resume();
          return chunk;
        }
        if (failure) throw failure;
        if (ended) return undefined;
        await new Promise((resolve) => (wake = () => resolve(undefined)));
      }
    },
    async sendEof() {
      socket.end();
    },
    async close() {
      socket.destroySoon();
    },
  };
}

/**
 * Listens on a free port of 127.0.0.1.
 * @param {(socket: net.Socket) => void} onSocket
 * @returns {Promise<import("../types.d.ts").Running>}
 */
export async function listen(onSocket) {
  // allowHalfOpen: an end is passed on as an end.
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, onSocket);
  server.listen({ port: 0, host: "127.0.0.1", backlog: 1024 });
  await once(server, "listening");
  const { port } = /** @type {net.AddressInfo} */ (server.address());
  return { port, close: async () => void server.close() };
}

/**
 * @param {number} port
 * @returns {net.Socket} connecting
 */
export function dial(port) {
  return net.connect({ port, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
}
