/**
 * The exchanges of the HTTP/2 scenarios without HTTP/2, as the limit: a body behind its length and a byte that says
 * what to do with it, over a socket of Node, one after the other on one connection.
 */
import { once } from "node:events";
import net from "node:net";
import tls from "node:tls";
import { clientTls, lengthBytes, lengthOf, serverTls } from "./h2-common.mjs";

const echoMode = 0;
const countMode = 1;
const headBytes = 5;

/**
 * Cuts what comes into its bodies.
 * @param {net.Socket} socket
 * @param {(mode: number, body: Buffer[], bytes: number) => void} onBody
 */
function readBodies(socket, onBody) {
  let head = Buffer.alloc(0);
  /** @type {Buffer[]} */
  let body = [];
  let missing = -1;
  let bytes = 0;
  socket.setNoDelay(true);
  socket.on("error", () => {});
  socket.on("data", (chunk) => {
    let rest = chunk;
    while (rest.length > 0 || missing === 0) {
      if (missing < 0) {
        head = head.length === 0 ? rest : Buffer.concat([head, rest]);
        if (head.length < headBytes) return;
        missing = bytes = head.readUInt32BE(0);
        rest = head.subarray(headBytes);
      }
      const part = rest.subarray(0, missing);
      if (part.length > 0) body.push(part);
      missing -= part.length;
      rest = rest.subarray(part.length);
      if (missing > 0) return;
      const whole = body;
      const mode = /** @type {number} */ (head[4]);
      body = [];
      missing = -1;
      head = Buffer.alloc(0);
      onBody(mode, whole, bytes);
    }
  });
}

/**
 * @param {net.Socket} socket
 * @param {number} mode
 * @param {readonly Uint8Array[]} body
 * @param {number} bytes
 */
function writeBody(socket, mode, body, bytes) {
  const head = Buffer.alloc(headBytes);
  head.writeUInt32BE(bytes);
  head[4] = mode;
  socket.write(head);
  for (const part of body) socket.write(part);
}

/** @param {net.Socket} socket */
function corkForATurn(socket) {
  if (socket.writableCorked > 0) return;
  socket.cork();
  setImmediate(() => socket.uncork());
}

/** @type {import("../types.d.ts").H2Subject} */
export default {
  async startServer(secure) {
    /** @param {net.Socket} socket */
    const serve = (socket) =>
      readBodies(socket, (mode, body, bytes) => {
        corkForATurn(socket);
        if (mode === countMode) writeBody(socket, mode, [lengthBytes(bytes)], 4);
        else writeBody(socket, mode, body, bytes);
      });
    const server = secure ? tls.createServer(await serverTls(), serve) : net.createServer(serve);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = /** @type {net.AddressInfo} */ (server.address());
    return { port, close: async () => void server.close() };
  },

  async connect(port, secure) {
    const socket = secure
      ? tls.connect({ port, host: "127.0.0.1", ...(await clientTls()) })
      : net.connect(port, "127.0.0.1");
    await once(socket, secure ? "secureConnect" : "connect");
    /** @type {((body: Uint8Array) => void)[]} */
    const waiting = [];
    readBodies(socket, (_mode, body) =>
      waiting.shift()?.(body.length === 1 ? /** @type {Buffer} */ (body[0]) : Buffer.concat(body)),
    );
    /**
     * @param {number} mode
     * @param {Uint8Array} body
     * @returns {Promise<Uint8Array>}
     */
    const exchange = (mode, body) =>
      new Promise((resolve) => {
        waiting.push(resolve);
        corkForATurn(socket);
        writeBody(socket, mode, [body], body.length);
      });
    return {
      echo: (body) => exchange(echoMode, body),
      count: async (body) => lengthOf(await exchange(countMode, body)),
      close: async () => void socket.destroy(),
    };
  },
};
