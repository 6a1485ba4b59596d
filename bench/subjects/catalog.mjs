/**
 * The subjects that are measured, in the order of a run. `processes` are started in that order, each told the ports of
 * those before it, and the client last.
 */

/**
 * @typedef {object} SubjectEntry
 * @property {string} name
 * @property {import("../types.d.ts").Kind} kind
 * @property {string} what for the legend
 * @property {readonly ("server" | "middle")[]} processes
 * @property {string} [module] beside this file
 * @property {readonly string[]} [only] the scenarios that it takes part in, where that is not all of its kind
 * @property {"go"} [builtFrom] a program that is built first, and runs instead of child.mjs
 */

/** The scenarios of calls and messages that every peer takes part in. */
const callsAndMessages = ["unary-1", "unary-100", "ping-pong", "small-messages", "64k-messages", "64k-messages-roomy"];

/** @type {readonly SubjectEntry[]} */
export const subjects = [
  {
    name: "trunkline-hpack",
    kind: "hpack",
    what: "the HPACK of @trunkline/h2",
    processes: [],
    module: "./hpack-trunkline.mjs",
  },
  {
    name: "trunkline-codec",
    kind: "codec",
    what: "the compiled codec of @trunkline/codec",
    processes: [],
    module: "./codec-trunkline.mjs",
  },
  {
    name: "protobuf-es",
    kind: "codec",
    what: "toBinary and fromBinary of @bufbuild/protobuf",
    processes: [],
    module: "./codec-protobuf-es.mjs",
  },
  {
    name: "protobufjs",
    kind: "codec",
    what: "encode and decode of protobufjs",
    processes: [],
    module: "./codec-protobufjs.mjs",
  },
  {
    name: "trunkline-h2",
    kind: "h2",
    what: "engine and driver of @trunkline/h2",
    processes: ["server"],
    module: "./h2-trunkline.mjs",
  },
  { name: "node-http2", kind: "h2", what: "node:http2", processes: ["server"], module: "./h2-node.mjs" },
  {
    name: "tcp-exchange",
    kind: "h2",
    what: "the same exchanges over a bare socket of Node",
    processes: ["server"],
    module: "./h2-tcp.mjs",
  },
  {
    name: "trunkline",
    kind: "grpc",
    what: "@trunkline/grpc, protobuf-es",
    processes: ["server"],
    module: "./trunkline.mjs",
  },
  {
    name: "grpc-js",
    kind: "grpc",
    what: "@grpc/grpc-js, proto-loader",
    processes: ["server"],
    module: "./grpc-js.mjs",
  },
  {
    name: "connect-node",
    kind: "grpc",
    what: "@connectrpc/connect-node, protobuf-es",
    processes: ["server"],
    module: "./connect-node.mjs",
    only: [...callsAndMessages, "cold-start", "idle-streams-memory", "idle-connections-memory"],
  },
  {
    name: "grpc-go",
    kind: "grpc",
    what: "google.golang.org/grpc",
    processes: ["server"],
    builtFrom: "go",
    only: [...callsAndMessages, "long-way-1", "long-way-16"],
  },
  {
    name: "trunkline-bytes",
    kind: "grpc",
    what: "@trunkline/grpc, messages that are bytes",
    processes: ["server"],
    module: "./trunkline-bytes.mjs",
    only: ["unary-100", "small-messages", "64k-messages", "64k-messages-roomy"],
  },
  {
    name: "trunkline-router",
    kind: "tunnel",
    what: "dial and listen of @trunkline/router",
    processes: ["middle", "server"],
    module: "./trunkline-router.mjs",
  },
  {
    name: "no-resume",
    kind: "tunnel",
    what: "the same with resume: false",
    processes: ["middle", "server"],
    module: "./trunkline-router-plain.mjs",
  },
  {
    name: "tcp-relay",
    kind: "tunnel",
    what: "two piped sockets in Node",
    processes: ["server", "middle"],
    module: "./tcp-relay.mjs",
  },
  { name: "tcp", kind: "tunnel", what: "raw TCP in Node", processes: ["server"], module: "./tcp.mjs" },
];

/**
 * @param {SubjectEntry} subject
 * @param {import("../types.d.ts").Scenario} scenario
 */
export function takesPart({ kind, only, processes }, { kind: wanted, level, name }) {
  if (kind !== wanted || (only !== undefined && !only.includes(name))) return false;
  return typeof level !== "object" || processes.includes(level.memoryOf);
}
