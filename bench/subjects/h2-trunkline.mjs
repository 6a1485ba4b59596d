/** @trunkline/h2: the engine and its driver, by their own interface. */
import { once } from "node:events";
import { Connection, retained } from "@trunkline/h2";
import { ConnectionDriver, connectSocket, createSocketServer, duplexTransport, nodeAscii } from "@trunkline/h2/node";
import { clientTls, countPath, lengthBytes, lengthOf, requestFields, serverTls } from "./h2-common.mjs";

const okFields = [
  { name: ":status", value: "200" },
  { name: "content-type", value: "application/octet-stream" },
];
const open = { endStream: false };
const end = { endStream: true };

/** One exchange, at either end. */
class Exchange {
  /** @type {Uint8Array[]} */
  chunks = [];
  bytes = 0;
  /** @param {boolean} counts */
  constructor(counts) {
    this.counts = counts;
  }

  /** @param {Uint8Array} data */
  take(data) {
    this.bytes += data.length;
    if (!this.counts) this.chunks.push(retained(data));
  }

  /** @returns {Uint8Array} */
  body() {
    return this.chunks.length === 1 ? /** @type {Uint8Array} */ (this.chunks[0]) : Buffer.concat(this.chunks);
  }
}

/** @type {import("../types.d.ts").H2Subject} */
export default {
  async startServer(tls) {
    const server = createSocketServer(tls ? { tls: await serverTls() } : {}, serve);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
    return { port, close: async () => void server.close() };
  },

  async connect(port, tls) {
    const socket = await connectSocket({ host: "127.0.0.1", port }, tls ? { tls: await clientTls() } : {});
    return client(socket);
  },
};

/** @param {import("node:net").Socket} socket */
function serve(socket) {
  /** @type {Connection<Exchange>} */
  const connection = new Connection(
    { role: "server", ascii: nodeAscii },
    {
      onHeaders(streamId, fields) {
        connection.setContext(
          streamId,
          new Exchange(fields.some(({ name, value }) => name === ":path" && value === countPath)),
        );
      },
      onData(streamId, data, ended, exchange) {
        exchange.take(data);
        connection.acknowledge(streamId, data.length);
        if (!ended) return;
        connection.sendHeaders(streamId, okFields, open);
        connection.sendData(streamId, exchange.counts ? lengthBytes(exchange.bytes) : exchange.body(), end);
        connection.release(streamId);
      },
      onTrailers() {},
      onReset() {},
      onWritable() {},
      onClose() {},
    },
  );
  new ConnectionDriver(connection, duplexTransport(socket));
}

/** @param {import("node:net").Socket} socket */
function client(socket) {
  /** @type {Connection<Exchange & { resolve: (body: Uint8Array) => void, reject: (error: Error) => void }>} */
  const connection = new Connection(
    { role: "client", ascii: nodeAscii },
    {
      onHeaders() {},
      onData(streamId, data, ended, exchange) {
        exchange.take(data);
        connection.acknowledge(streamId, data.length);
        if (!ended) return;
        connection.release(streamId);
        exchange.resolve(exchange.body());
      },
      onTrailers() {},
      onReset(_streamId, { message }, { reject }) {
        reject(new Error(message));
      },
      onWritable() {},
      onClose() {},
    },
  );
  const driver = new ConnectionDriver(connection, duplexTransport(socket));
  /**
   * @param {readonly { name: string, value: string }[]} fields
   * @param {Uint8Array} body
   * @returns {Promise<Uint8Array>}
   */
  const request = (fields, body) =>
    new Promise((resolve, reject) => {
      const streamId = connection.openStream(Object.assign(new Exchange(false), { resolve, reject }));
      if (streamId === undefined) return reject(new Error("the server allows no more streams"));
      connection.sendHeaders(streamId, fields, open);
      connection.sendData(streamId, body, end);
    });
  const [echoFields, countFields] = [requestFields("/bench/echo"), requestFields(countPath)];
  return {
    echo: (/** @type {Uint8Array} */ body) => request(echoFields, body),
    count: async (/** @type {Uint8Array} */ body) => lengthOf(await request(countFields, body)),
    async close() {
      driver.close();
      await driver.done;
    },
  };
}
