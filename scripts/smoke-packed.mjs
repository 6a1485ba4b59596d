/**
 * Packs every package, installs the packages into an empty project as a user would, and uses them there: what is
 * missing from `files`, `exports` or `dependencies` shows here and nowhere else.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "trunkline-packed-"));
const run = (command, args, cwd) =>
  execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });

const program = `
import assert from "node:assert";
import { createRequire } from "node:module";
import { Metadata } from "@trunkline/metadata";
import { Connection } from "@trunkline/h2";
import { connectSocket } from "@trunkline/h2/node";
import { Link } from "@trunkline/h2/testing";
import { memoryPair } from "@trunkline/streams";
import { systemClock } from "@trunkline/streams/node";
import { streamFromWebSocket } from "@trunkline/streams/web";
import { complianceTests } from "@trunkline/streams/testing";
import { Channel } from "@trunkline/grpc";
import { BadRequestSchema } from "@trunkline/grpc/details";
import { logging } from "@trunkline/grpc/interceptors";
import { channelFor } from "@trunkline/grpc/testing";
import { RouterStream } from "@trunkline/router";
const functions = { Metadata, Connection, connectSocket, Link, memoryPair, systemClock: systemClock.nowMs, streamFromWebSocket, complianceTests, Channel, logging, channelFor, RouterStream };
for (const [name, value] of Object.entries(functions)) assert.equal(typeof value, "function", name);
assert.equal(BadRequestSchema.typeName, "google.rpc.BadRequest");
const [left, right] = memoryPair();
await left.send("whole");
assert.equal(await right.receive(), "whole");
assert.throws(() => createRequire(import.meta.url).resolve("@trunkline/h2/dist/connection/connection.js"), /exports/);
`;

try {
  run("npm", ["pack", "--workspaces", "--pack-destination", folder, "--silent"], root);
  const tarballs = readdirSync(folder).filter((name) => name.endsWith(".tgz"));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "smoke", private: true, type: "module" }));
  run("npm", ["install", "--no-audit", "--no-fund", "--silent", ...tarballs.map((name) => `./${name}`)], folder);
  writeFileSync(join(folder, "smoke.mjs"), program);
  run(process.execPath, ["smoke.mjs"], folder);
  const version = run(join(folder, "node_modules/.bin/trunkline"), ["--version"], folder).trim();
  console.log(`${tarballs.length} packages installed and used; trunkline ${version}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
