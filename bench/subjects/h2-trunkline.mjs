/** @trunkline/h2: the engine and its driver, by their own interface. */
import { once } from "node:events";
import { Connection } from "@trunkline/h2";
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
  /** @type {import("@trunkline/h2").Http2Stream | undefined} */
  stream = undefined;
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
    if (!this.counts) this.chunks.push(new Uint8Array(data));
  }

  /** @returns {Uint8Array} */
  body() {
    return this.chunks.length === 1 ? /** @type {Uint8Array} */ (this.chunks[0]) : Buffer.concat(this.chunks);
  }

  onHeaders() {}
  onTrailers() {}
  onReset() {}
  onWritable() {}
}

class ServedExchange extends Exchange {
  /**
   * @param {Uint8Array} data
   * @param {boolean} ended
   */
  onData(data, ended) {
    this.take(data);
    this.stream?.acknowledge(data.length);
    if (!ended) return;
    this.stream?.sendHeaders(okFields, open);
    this.stream?.sendData(this.counts ? lengthBytes(this.bytes) : this.body(), end);
    this.stream?.release();
  }
}

class RequestedExchange extends Exchange {
  /**
   * @param {(body: Uint8Array) => void} resolve
   * @param {(error: Error) => void} reject
   */
  constructor(resolve, reject) {
    super(false);
    this.resolve = resolve;
    this.reject = reject;
  }

  /**
   * @param {Uint8Array} data
   * @param {boolean} ended
   */
  onData(data, ended) {
    this.take(data);
    this.stream?.acknowledge(data.length);
    if (!ended) return;
    this.stream?.release();
    this.resolve(this.body());
  }

  /**
   * @override
   * @param {import("@trunkline/h2").StreamReset} reset
   */
  onReset({ message }) {
    this.reject(new Error(message));
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
  const connection = new Connection(
    { role: "server", ascii: nodeAscii },
    {
      onRequest(stream, fields) {
        const exchange = new ServedExchange(fields.some(({ name, value }) => name === ":path" && value === countPath));
        exchange.stream = stream;
        return exchange;
      },
      onClose() {},
    },
  );
  new ConnectionDriver(connection, duplexTransport(socket));
}

/** @param {import("node:net").Socket} socket */
function client(socket) {
  const connection = new Connection({ role: "client", ascii: nodeAscii }, { onClose() {} });
  const driver = new ConnectionDriver(connection, duplexTransport(socket));
  /**
   * @param {readonly { name: string, value: string }[]} fields
   * @param {Uint8Array} body
   * @returns {Promise<Uint8Array>}
   */
  const request = (fields, body) =>
    new Promise((resolve, reject) => {
      const exchange = new RequestedExchange(resolve, reject);
      const stream = connection.openStream(exchange);
      if (stream === undefined) return reject(new Error("the server allows no more streams"));
      exchange.stream = stream;
      stream.sendHeaders(fields, open);
      stream.sendData(body, end);
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
