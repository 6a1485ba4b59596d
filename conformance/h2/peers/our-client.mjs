/** Our client under test: one connection at a time, and the next one when a server sends GOAWAY. */
import { ErrorCode, H2Error } from "@trunkline/h2";
import { connectSocket, HttpConnection } from "@trunkline/h2/node";

class OurClient {
  #url;
  #tls;
  /** @type {Promise<HttpConnection> | undefined} */
  #connecting;

  /** @param {string} url @param {import("node:tls").ConnectionOptions} tls */
  constructor(url, tls) {
    this.#url = new URL(url);
    this.#tls = tls;
  }

  async #connection() {
    const current = await this.#connecting;
    if (current !== undefined && !current.connection.draining && !current.connection.closed) return current;
    // Another request may have begun to connect meanwhile.
    if (current === undefined || (await this.#connecting) === current) this.#connecting = this.#connect();
    return await this.#connecting;
  }

  async #connect() {
    const { protocol, hostname, port } = this.#url;
    const tls = protocol === "https:" ? this.#tls : undefined;
    const socket = await connectSocket({ host: hostname, port: Number(port) }, { tls });
    return HttpConnection.connect(socket, { settings: { maxHeaderListSize: 2 ** 20 } });
  }

  #head(path, method, fields) {
    return [
      { name: ":method", value: method },
      { name: ":scheme", value: this.#url.protocol.slice(0, -1) },
      { name: ":authority", value: this.#url.host },
      { name: ":path", value: path },
      ...fields,
    ];
  }

  /**
   * One request. What the server has surely not begun to work on is sent again on another connection.
   * @param {string} path
   * @param {{ fields?: readonly import("@trunkline/h2").HeaderField[], body?: Buffer, trailers?: readonly
   * import("@trunkline/h2").HeaderField[] }} [options]
   */
  async ask(path, options = {}) {
    for (;;) {
      const connection = await this.#connection();
      try {
        return await this.#askOn(connection, path, options);
      } catch (error) {
        const again =
          error instanceof H2Error && (error.errorCode === ErrorCode.REFUSED_STREAM || error.scope === "usage");
        if (!again || !connection.connection.draining) throw error;
      }
    }
  }

  async #askOn(connection, path, { fields = [], body, trailers }) {
    const stream = await connection.request(
      this.#head(path, body === undefined ? "GET" : "POST", fields),
      body === undefined,
    );
    try {
      const sent = body === undefined ? undefined : this.#send(stream, body, trailers);
      sent?.catch(() => {}); // a server need not read all before it answers
      const headers = await stream.headers();
      const answer = { headers, body: Buffer.from(await stream.body()), trailers: stream.trailers ?? [] };
      await sent;
      const status = textOf(headers, ":status");
      if (status !== "200") throw new Error(`status ${status}`);
      return answer;
    } finally {
      stream.release();
    }
  }

  async #send(stream, body, trailers) {
    const partBytes = 65_536;
    for (let at = 0; at < body.length; at += partBytes) {
      const last = at + partBytes >= body.length && trailers === undefined;
      await stream.send(body.subarray(at, at + partBytes), last);
    }
    if (trailers !== undefined) stream.sendHeaders(trailers, true);
    else if (body.length === 0) await stream.send(body, true);
  }

  /** Asks for what has no end, or a long one, and gives up at the first bytes. */
  async giveUp(path) {
    const stream = await (await this.#connection()).request(this.#head(path, "GET", []), true);
    for await (const chunk of stream) {
      if (chunk.length > 0) break;
    }
    stream.reset(ErrorCode.CANCEL);
    stream.release();
  }

  async close() {
    const connection = await this.#connecting?.catch(() => undefined);
    await connection?.close();
  }
}

/**
 * @param {{ url: string, ca: Buffer, cert?: Buffer, key?: Buffer }} site
 * @param {(client: OurClient) => Promise<void>} use
 */
export async function withOurClient({ url, ...tls }, use) {
  const client = new OurClient(url, tls);
  try {
    await use(client);
  } finally {
    await client.close();
  }
}

/** @param {readonly import("@trunkline/h2").HeaderField[]} fields @param {string} name */
export function textOf(fields, name) {
  return fields.find((field) => field.name === name)?.value;
}
