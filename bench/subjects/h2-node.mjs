/** node:http2, with its defaults. */
import { once } from "node:events";
import http2 from "node:http2";
import { clientTls, countPath, lengthBytes, lengthOf, requestHeaders, serverTls } from "./h2-common.mjs";

/** @type {import("../types.d.ts").H2Subject} */
export default {
  async startServer(tls) {
    const server = tls ? http2.createSecureServer(await serverTls()) : http2.createServer();
    server.on("stream", (stream, headers) => {
      const counts = headers[":path"] === countPath;
      /** @type {Buffer[]} */
      const chunks = [];
      let bytes = 0;
      stream.on("data", (chunk) => {
        bytes += chunk.length;
        if (!counts) chunks.push(chunk);
      });
      stream.on("error", () => {}); // the client's to report
      stream.on("end", () => {
        stream.respond({ ":status": 200, "content-type": "application/octet-stream" });
        stream.end(counts ? lengthBytes(bytes) : chunks.length === 1 ? chunks[0] : Buffer.concat(chunks));
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
    return { port, close: async () => void server.close() };
  },

  async connect(port, tls) {
    const session = http2.connect(`${tls ? "https" : "http"}://127.0.0.1:${port}`, tls ? await clientTls() : {});
    await once(session, "connect");
    /**
     * @param {string} path
     * @param {Uint8Array} body
     * @returns {Promise<Uint8Array>}
     */
    const request = (path, body) =>
      new Promise((resolve, reject) => {
        const stream = session.request(requestHeaders(path));
        /** @type {Buffer[]} */
        const chunks = [];
        stream.on("data", (chunk) => chunks.push(chunk));
        stream.on("error", reject);
        stream.on("end", () =>
          resolve(chunks.length === 1 ? /** @type {Buffer} */ (chunks[0]) : Buffer.concat(chunks)),
        );
        stream.end(body);
      });
    return {
      echo: (body) => request("/bench/echo", body),
      count: async (body) => lengthOf(await request(countPath, body)),
      close: () => new Promise((resolve) => session.close(() => resolve())),
    };
  },
};
