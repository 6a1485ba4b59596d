/**
 * One process of a run: `node bench/child.mjs '<Task as JSON>'`. Says what it has to say as one JSON object a line on
 * stdout; ends when its stdin closes, on SIGTERM, and after the task's limit.
 */
import { createInterface } from "node:readline";
import { scenarios } from "./scenarios/catalog.mjs";
import { firstAnswer, grpcScenarios, idle, openConnections, openStreams } from "./scenarios/grpc.mjs";
import { h2Scenarios } from "./scenarios/h2.mjs";
import { openIdleStreams, serve, tunnelScenarios } from "./scenarios/tunnel.mjs";
import { subjects } from "./subjects/catalog.mjs";

/** @type {import("./types.d.ts").Task} */
const task = JSON.parse(process.argv[2] ?? "null");
const entry = subjects.find(({ name }) => name === task.subject);
if (entry?.module === undefined) throw new Error(`no subject in JavaScript: ${task.subject}`);
const { tls = false, beside } = scenarios.find(({ name }) => name === task.scenario) ?? {};
const startedAt = performance.now();
/** @type {any} an HpackSubject, a codec, an H2Subject, a GrpcSubject or a TunnelSubject, by `entry.kind` */
const subject = (await import(new URL(entry.module, new URL("./subjects/", import.meta.url)).href)).default;

setTimeout(() => {
  console.error(`${task.role} ended after its limit of ${task.limitMs} ms`);
  process.exit(1);
}, task.limitMs).unref();
process.once("SIGTERM", () => process.exit(0));
// The harness's only question; its end is ours.
createInterface({ input: process.stdin })
  .on("line", (line) => line === "memory" && say({ residentBytes: process.memoryUsage.rss() }))
  .on("close", () => process.exit(0));

if (task.role === "client") await measure();
else say({ port: (await start()).port });

/** @returns {Promise<import("./types.d.ts").Running>} */
async function start() {
  if (task.role === "middle") return subject.startMiddle(task.ports);
  if (entry?.kind === "h2") return subject.startServer(tls);
  return entry?.kind === "grpc" ? subject.startServer() : subject.startServer(task.ports, serveQuietly);
}

/**
 * A stream that breaks is its client's to report; the server goes on with the others.
 * @param {import("./types.d.ts").ByteStream} stream
 */
function serveQuietly(stream) {
  return serve(stream).catch(() => stream.close().catch(() => {}));
}

async function measure() {
  const connect = () => subject.connect(task.ports.server);
  if (task.scenario === "idle-streams-memory" || task.scenario === "idle-connections-memory") {
    if (task.scenario === "idle-streams-memory") await openStreams(await connect(), idle.streams);
    else await openConnections(connect, idle.connections);
    return say({ idle: true }); // and stays until the harness has looked
  }
  if (task.scenario === "unary-100-dressed") subject.connect = subject.connectDressed;
  if (entry?.kind === "hpack" || entry?.kind === "codec") return say(await subject[task.scenario](task));
  const client = await subject.connect(entry?.kind === "tunnel" ? task.ports : task.ports.server, tls);
  if (task.scenario === "tunnel-idle-memory") {
    await openIdleStreams(client);
    return say({ idle: true }); // and stays until the harness has looked
  }
  if (task.scenario === "cold-start") return say(await firstAnswer(client, startedAt));
  const scenario = { ...h2Scenarios, ...grpcScenarios, ...tunnelScenarios }[task.scenario];
  if (scenario === undefined) throw new Error(`no scenario: ${task.scenario}`);
  if (beside !== undefined && "streams" in beside) await openStreams(client, beside.streams);
  if (beside !== undefined && "connections" in beside) await openConnections(connect, beside.connections);
  await scenario(client, task.warmUpMs);
  say({ warm: true });
  say(await scenario(client, task.windowMs));
  await client.close();
}

/** @param {object} message */
function say(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}
