/** The programs of the peers, built from the one .proto file. */
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { delimiter, dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { builtByGo, installedByGo } from "../lib/go.mjs";
import { pythonWith } from "../lib/python.mjs";

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const protos = path("proto");

/**
 * @typedef {{ readonly name: string, readonly program: string, readonly args: readonly string[], readonly env?:
 * NodeJS.ProcessEnv }} Program
 */

const inNode = (name) => ({ name, program: process.execPath, args: [path(`node/${name}.mjs`)] });

/** The program of trunkline, started as each of the others is. */
export const ours = inNode("trunkline");

/**
 * @returns {readonly Program[]}
 * @throws {JudgeMissing} without Go or Python
 */
export function peerPrograms() {
  const python = pythonWith("peers", ["grpcio==1.85.1", "grpcio-tools==1.85.1", "grpclib==0.4.9", "protobuf==7.36.2"]);
  const generated = path("../../.cache/python/peers-gen");
  mkdirSync(generated, { recursive: true });
  const outs = ["--python_out", "--grpc_python_out", "--grpclib_python_out"].map((option) => `${option}=${generated}`);
  // The compiler looks there for grpclib's plugin.
  const searchPath = `${dirname(python)}${delimiter}${process.env.PATH}`;
  must(python, ["-m", "grpc_tools.protoc", `-I${protos}`, ...outs, "peer.proto"], { PATH: searchPath });
  const env = { ...process.env, PYTHONPATH: generated, PYTHONUNBUFFERED: "1" };
  const inPython = (name) => ({ name, program: python, args: [path(`python/with_${name}.py`)], env });
  return [inPython("grpcio"), inPython("grpclib"), inGo(), inNode("grpc-js"), inNode("connect-node")];
}

function inGo() {
  const plugins = {
    "protoc-gen-go": installedByGo("google.golang.org/protobuf/cmd/protoc-gen-go", "v1.36.12"),
    "protoc-gen-go-grpc": installedByGo("google.golang.org/grpc/cmd/protoc-gen-go-grpc", "v1.6.2"),
  };
  const out = path("go/gen");
  const plugin = ([, local]) => ({ local, out, opt: ["paths=source_relative"] });
  const template = JSON.stringify({ version: "v2", plugins: Object.entries(plugins).map(plugin) });
  must(path("../../node_modules/.bin/buf"), ["generate", "--template", template, protos]);
  return { name: "grpc-go", program: builtByGo(path("go"), "peer"), args: [] };
}

function must(program, args, env = {}) {
  const { status } = spawnSync(program, args, {
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, ...env },
  });
  if (status !== 0) throw new Error(`${program} ${args.join(" ")} failed`);
}
