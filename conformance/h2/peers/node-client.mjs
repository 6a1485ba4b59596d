/** Node's own HTTP/2 client. */
import http2 from "node:http2";

class Refused extends Error {}

class NodeClient {
  #url;
  #ca;
  #session;

  /** @param {string} url @param {Buffer} ca */
  constructor(url, ca) {
    this.#url = url;
    this.#ca = ca;
  }

  /** The session, or another one when it takes no more requests. */
  get session() {
    if (this.#session === undefined || this.#session.closed || this.#session.destroyed) {
      const settings = { maxHeaderListSize: 2 ** 20, initialWindowSize: 2 ** 20 };
      this.#session = http2.connect(this.#url, { ca: this.#ca, settings, maxSendHeaderBlockLength: 2 ** 20 });
      this.#session.on("error", () => {}); // each stream hears of it
    }
    return this.#session;
  }

  /**
   * @param {string} path
   * @param {{ headers?: http2.OutgoingHttpHeaders, body?: Buffer, trailers?: http2.OutgoingHttpHeaders }} [options]
   * @returns {Promise<{ headers: http2.IncomingHttpHeaders, trailers: http2.IncomingHttpHeaders, body: Buffer }>}
   */
  async ask(path, options = {}) {
    for (;;) {
      const { session } = this;
      try {
        return await this.#askOn(session, path, options);
      } catch (error) {
        // RFC 9113 §8.7: what was refused was not begun. Node's client refuses by itself what it had not sent yet when
        // a GOAWAY came.
        if (!(error instanceof Refused && session.closed)) throw error;
      }
    }
  }

  #askOn(session, path, { headers = {}, body, trailers }) {
    return new Promise((resolve, reject) => {
      const method = body === undefined ? "GET" : "POST";
      const stream = session.request(
        { ":method": method, ":path": path, ...headers },
        { waitForTrailers: trailers !== undefined },
      );
      const answer = { headers: {}, trailers: {} };
      const chunks = [];
      if (trailers !== undefined) stream.on("wantTrailers", () => stream.sendTrailers(trailers));
      stream.on("response", (fields) => {
        answer.headers = fields;
      });
      stream.on("trailers", (fields) => {
        answer.trailers = fields;
      });
      stream.on("data", (chunk) => chunks.push(chunk));
      stream.on("error", (error) =>
        reject(stream.rstCode === http2.constants.NGHTTP2_REFUSED_STREAM ? new Refused() : error),
      );
      stream.on("close", () => {
        if (stream.rstCode !== 0) reject(new Error(`the stream ended with code ${stream.rstCode}`));
        else if (answer.headers[":status"] !== 200) reject(new Error(`status ${answer.headers[":status"]}`));
        else resolve({ ...answer, body: Buffer.concat(chunks) });
      });
      stream.end(body);
    });
  }

  /** Asks for what has no end, and gives up at the first bytes. */
  giveUp(path) {
    return new Promise((resolve, reject) => {
      const stream = this.session.request({ ":path": path });
      stream.on("error", reject);
      stream.once("data", () => stream.close(http2.constants.NGHTTP2_CANCEL, () => resolve()));
    });
  }

  close() {
    this.#session?.destroy();
  }
}

/**
 * @template T
 * @param {{ url: string, ca: Buffer }} site
 * @param {(client: NodeClient) => Promise<T>} use
 * @returns {Promise<T>}
 */
export async function withNodeClient({ url, ca }, use) {
  const client = new NodeClient(url, ca);
  try {
    return await use(client);
  } finally {
    client.close();
  }
}
