/** Well-behaved clients of the victims: each does one exchange at a time, and checks its answer. */
import { createHmac, randomUUID } from "node:crypto";
import { Channel, createClient } from "@trunkline/grpc";
import { connectSocket, HttpConnection } from "@trunkline/h2/node";
import { RouterService } from "@trunkline/router";
import { victimService } from "./service.mjs";

const text = "still there?";

/**
 * @typedef {object} WellBehaved
 * @property {() => Promise<void>} serves does one exchange; rejects unless it is right
 * @property {() => Promise<void>} stop
 */

/**
 * Returns a client of a victim of one kind, on a connection of its own.
 * @param {{ kind: string, port: number, key?: string }} victim
 * @returns {Promise<WellBehaved>}
 */
export function clientOf({ kind, port, key }) {
  if (kind === "h2") return h2Client(port);
  return kind === "grpc" ? grpcClient(port) : routerClient(port, key ?? "");
}

/**
 * Returns the header fields of a request. @param {string} requestPath @param {{ name: string, value: string }[]} more
 */
export function requestFields(requestPath, more = []) {
  return [
    { name: ":method", value: "POST" },
    { name: ":scheme", value: "http" },
    { name: ":path", value: requestPath },
    { name: ":authority", value: "victim" },
    ...more,
  ];
}

/** @param {number} port @returns {Promise<WellBehaved>} */
export async function h2Client(port) {
  const connection = HttpConnection.connect(await connectSocket({ host: "127.0.0.1", port }));
  return {
    async serves() {
      const stream = await connection.request(requestFields("/"));
      await stream.send(Buffer.from(text), true);
      mustBe(Buffer.from(await stream.body()).toString());
      stream.release();
    },
    async stop() {
      connection.driver.destroy();
    },
  };
}

/** @param {number} port @returns {Promise<WellBehaved>} */
export async function grpcClient(port) {
  const channel = new Channel(`dns:///127.0.0.1:${port}`);
  const client = createClient(victimService, channel);
  return {
    async serves() {
      mustBe(Buffer.from(await client.echo(Buffer.from(text))).toString());
    },
    stop: () => channel.close(),
  };
}

/** @param {number} port @param {string} key @returns {Promise<WellBehaved>} */
export async function routerClient(port, key) {
  const channel = new Channel(`dns:///127.0.0.1:${port}`);
  const client = createClient(RouterService, channel);
  return {
    async serves() {
      const metadata = { authorization: `Bearer ${streamToken(key, `neighbour-${randomUUID()}`)}` };
      const one = client.stream.open({ metadata });
      const other = client.stream.open({ metadata });
      try {
        await Promise.all([one.start(), other.start()]);
        await one.send({ payload: Buffer.from(text), frameType: 0 });
        const frame = await other.receive();
        mustBe(Buffer.from(frame?.payload ?? []).toString());
      } finally {
        one.cancel();
        other.cancel();
      }
    },
    stop: () => channel.close(),
  };
}

/**
 * Returns a token as Jumpstarter's controller mints them for both ends of a stream. @param {string} key @param {string}
 * stream
 */
export function streamToken(key, stream) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const now = Math.floor(Date.now() / 1_000);
  const claims = {
    iss: "https://jumpstarter.dev/stream",
    aud: ["https://jumpstarter.dev/router"],
    sub: stream,
    exp: now + 1_800,
    nbf: now,
    iat: now,
    jti: randomUUID(),
  };
  const signed = `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}`;
  return `${signed}.${createHmac("sha256", key).update(signed).digest("base64url")}`;
}

function mustBe(answer) {
  if (answer !== text) throw new Error(`a well-behaved client got ${JSON.stringify(answer)}`);
}
