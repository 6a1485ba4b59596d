/**
 * Who is measured, in the order of a run. `processes` are started in that order, each told the ports of those before it, and
 * the client last.
 */

/**
 * @typedef {object} SubjectEntry
 * @property {string} name
 * @property {import("../types.d.ts").Kind} kind
 * @property {string} what for the legend
 * @property {readonly ("server" | "middle")[]} processes
 * @property {string} [module] beside this file
 * @property {"go"} [builtFrom] a program that is built first, and runs instead of child.mjs
 */

/** @type {readonly SubjectEntry[]} */
export const subjects = [
  { name: "trunkline-h2", kind: "h2", what: "engine and driver of @trunkline/h2", processes: ["server"], module: "./h2-trunkline.mjs" },
  { name: "node-http2", kind: "h2", what: "node:http2", processes: ["server"], module: "./h2-node.mjs" },
  {
    name: "tcp-exchange",
    kind: "h2",
    what: "the same exchanges over a bare socket of Node",
    processes: ["server"],
    module: "./h2-tcp.mjs",
  },
  { name: "trunkline", kind: "grpc", what: "@trunkline/grpc, protobuf-es", processes: ["server"], module: "./trunkline.mjs" },
  { name: "grpc-js", kind: "grpc", what: "@grpc/grpc-js, proto-loader", processes: ["server"], module: "./grpc-js.mjs" },
  {
    name: "connect-node",
    kind: "grpc",
    what: "@connectrpc/connect-node, protobuf-es",
    processes: ["server"],
    module: "./connect-node.mjs",
  },
  { name: "grpc-go", kind: "grpc", what: "google.golang.org/grpc", processes: ["server"], builtFrom: "go" },
  {
    name: "trunkline-router",
    kind: "tunnel",
    what: "dial and listen of @trunkline/router",
    processes: ["middle", "server"],
    module: "./trunkline-router.mjs",
  },
  { name: "tcp-relay", kind: "tunnel", what: "two piped sockets in Node", processes: ["server", "middle"], module: "./tcp-relay.mjs" },
  { name: "tcp", kind: "tunnel", what: "raw TCP in Node", processes: ["server"], module: "./tcp.mjs" },
];
