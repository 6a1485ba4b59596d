/**
 * Who is attacked: real processes of ours, each with a request that it takes its time with and a well-behaved client.
 */
import { createHmac, randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Channel, createClient } from "@trunkline/grpc";
import { connectSocket, HttpConnection } from "@trunkline/h2/node";
import { RouterService } from "@trunkline/router";
import { startServer } from "../lib/child.mjs";
import { victimService } from "./service.mjs";

/**
 * @typedef {object} Victim
 * @property {string} name
 * @property {import("../lib/child.mjs").RunningServer} server
 * @property {number} port
 * @property {() => import("@trunkline/h2").HeaderField[]} held the fields of a new request that is held
 * @property {import("@trunkline/h2").HeaderField[] | undefined} endless of one that is answered without end
 * @property {() => Promise<void>} serves one exchange of a well-behaved client; rejects unless it is right
 * @property {() => Promise<void>} stop
 */

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const text = "still there?";

function requestFields(requestPath, more = []) {
  return [
    { name: ":method", value: "POST" },
    { name: ":scheme", value: "http" },
    { name: ":path", value: requestPath },
    { name: ":authority", value: "victim" },
    ...more,
  ];
}

/** @returns {Promise<Victim>} */
export async function h2Server() {
  const server = await startServer(process.execPath, [path("h2-server.mjs")]);
  const port = Number(server.line);
  const connection = HttpConnection.connect(await connectSocket({ host: "127.0.0.1", port }));
  return {
    name: "an HTTP/2 server",
    server,
    port,
    held: () => requestFields("/held"),
    endless: requestFields("/endless"),
    async serves() {
      const stream = await connection.request(requestFields("/"));
      await stream.send(Buffer.from(text), true);
      mustBe(Buffer.from(await stream.body()).toString());
      stream.release();
    },
    async stop() {
      connection.driver.destroy();
      await server.stop();
    },
  };
}

const grpcFields = [
  { name: "te", value: "trailers" },
  { name: "content-type", value: "application/grpc" },
];

/** @returns {Promise<Victim>} */
export async function grpcServer() {
  const server = await startServer(process.execPath, [path("grpc-server.mjs")]);
  const port = Number(server.line);
  const channel = new Channel(`dns:///127.0.0.1:${port}`);
  const client = createClient(victimService, channel);
  return {
    name: "a gRPC server",
    server,
    port,
    held: () => requestFields("/attacks.Victim/Held", grpcFields),
    endless: requestFields("/attacks.Victim/Endless", grpcFields),
    async serves() {
      mustBe(Buffer.from(await client.echo(Buffer.from(text))).toString());
    },
    async stop() {
      await channel.close();
      await server.stop();
    },
  };
}

/** @returns {Promise<Victim>} */
export async function routerProcess() {
  const folder = await mkdtemp(join(tmpdir(), "attacks-"));
  const key = randomUUID();
  await writeFile(join(folder, "key"), key, { mode: 0o600 });
  const args = [
    path("../../packages/cli/dist/main.js"),
    "router",
    "--listen",
    "127.0.0.1:0",
    "--key-file",
    join(folder, "key"),
  ];
  const env = { ...process.env, HOME: folder, XDG_RUNTIME_DIR: folder, XDG_STATE_HOME: folder };
  const server = await startServer(process.execPath, [...args, "--json", "--log-level", "error"], { env });
  const port = JSON.parse(server.line.split("\n")[0]).port;
  const channel = new Channel(`dns:///127.0.0.1:${port}`);
  const client = createClient(RouterService, channel);
  let streams = 0;
  return {
    name: "a router",
    server,
    port,
    // Each waits for an other side that never comes.
    held: () =>
      requestFields("/jumpstarter.v1.RouterService/Stream", [
        ...grpcFields,
        { name: "authorization", value: `Bearer ${streamToken(key, `attack-${streams++}`)}` },
      ]),
    endless: undefined,
    async serves() {
      const metadata = { authorization: `Bearer ${streamToken(key, `neighbour-${streams++}`)}` };
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
    async stop() {
      await channel.close();
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** As Jumpstarter's controller mints them for both ends of a stream. */
function streamToken(key, stream) {
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
