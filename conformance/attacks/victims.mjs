/**
 * The victims of attacks: real processes of ours, each with a request that it takes its time with and a well-behaved
 * client.
 */
import { randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startServer } from "../lib/child.mjs";
import { victimArguments } from "./live-memory.mjs";
import { grpcClient, h2Client, requestFields, routerClient, streamToken } from "./well-behaved.mjs";

/**
 * @typedef {object} Victim
 * @property {string} name
 * @property {{ kind: string, port: number, key?: string }} neighbour what `neighbour.mjs` needs to call it
 * @property {import("../lib/child.mjs").RunningServer} server
 * @property {number} port
 * @property {() => import("@trunkline/h2").HeaderField[]} held the fields of a new request that is held
 * @property {import("@trunkline/h2").HeaderField[] | undefined} endless of one that is answered without end
 * @property {string} [messagePath] the path of a unary method that takes messages of up to 4 MiB
 * @property {string} [parsePath] the path of a unary method that takes a message of protobuf
 * @property {string} [largePath] the path of a unary method that answers with 64 KiB
 * @property {() => Promise<void>} serves one exchange of a well-behaved client; rejects unless it is right
 * @property {() => Promise<void>} stop
 */

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
/** @returns {Promise<Victim>} */
export async function h2Server() {
  const server = await startServer(process.execPath, [path("h2-server.mjs")]);
  const port = Number(server.line);
  const client = await h2Client(port);
  return {
    name: "an HTTP/2 server",
    neighbour: { kind: "h2", port },
    server,
    port,
    held: () => requestFields("/held"),
    endless: requestFields("/endless"),
    serves: client.serves,
    async stop() {
      await client.stop();
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
  const { args, env } = victimArguments();
  const server = await startServer(process.execPath, [...args, path("grpc-server.mjs")], {
    env: { ...process.env, ...env },
  });
  const port = Number(server.line);
  const client = await grpcClient(port);
  return {
    name: "a gRPC server",
    neighbour: { kind: "grpc", port },
    server,
    port,
    held: () => requestFields("/attacks.Victim/Held", grpcFields),
    endless: requestFields("/attacks.Victim/Endless", grpcFields),
    messagePath: "/attacks.Victim/Echo",
    parsePath: "/attacks.Victim/Parse",
    largePath: "/attacks.Victim/Large",
    serves: client.serves,
    async stop() {
      await client.stop();
      await server.stop();
    },
  };
}

/** @returns {Promise<Victim>} */
export async function routerProcess() {
  const folder = await mkdtemp(join(tmpdir(), "attacks-"));
  const key = randomUUID();
  await writeFile(join(folder, "key"), key, { mode: 0o600 });
  const live = victimArguments();
  const args = [
    ...live.args,
    path("../../packages/cli/dist/main.js"),
    "router",
    "--listen",
    "127.0.0.1:0",
    "--key-file",
    join(folder, "key"),
  ];
  const env = { ...process.env, ...live.env, HOME: folder, XDG_RUNTIME_DIR: folder, XDG_STATE_HOME: folder };
  const server = await startServer(process.execPath, [...args, "--json", "--log-level", "error"], { env });
  const port = JSON.parse(server.line.split("\n")[0]).port;
  const client = await routerClient(port, key);
  let streams = 0;
  return {
    name: "a router",
    neighbour: { kind: "router", port, key },
    server,
    port,
    // Each waits for an other side that never comes.
    held: () =>
      requestFields("/jumpstarter.v1.RouterService/Stream", [
        ...grpcFields,
        { name: "authorization", value: `Bearer ${streamToken(key, `attack-${streams++}`)}` },
      ]),
    endless: undefined,
    // Anybody may send these, with or without a token.
    messagePath: "/trunkline.v1.ExchangeService/Dial",
    parsePath: "/trunkline.v1.ExchangeService/Dial",
    serves: client.serves,
    async stop() {
      await client.stop();
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
