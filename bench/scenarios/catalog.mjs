/** The scenarios, in the order of the table. */

/** The flags of V8 that programs should use which move much data: see NOTES.md. */
const roomy = ["--initial-old-space-size=64"];

/** @type {Record<string, string>} */
const shapeTitles = {
  small: "10 B",
  mixed: "14 mixed fields",
  many: "100 repeated messages",
  mapped: "a map with 50 entries",
};

/** @type {readonly import("../types.d.ts").Scenario[]} */
export const scenarios = [
  {
    name: "encode",
    title: "encode a gRPC request's headers, seen before",
    kind: "hpack",
    unit: "µs",
    perUnit: 1,
    level: "time",
  },
  { name: "decode", title: "decode them", kind: "hpack", unit: "µs", perUnit: 1, level: "time" },
  ...["small", "mixed", "many", "mapped"].flatMap((shape) =>
    /** @type {const} */ (["encode", "decode"]).map((direction) => ({
      name: `codec-${shape}-${direction}`,
      title: `${direction} ${shapeTitles[shape]}`,
      kind: /** @type {const} */ ("codec"),
      unit: "µs",
      perUnit: 1,
      level: /** @type {const} */ ("time"),
    })),
  ),
  { name: "h2-requests", title: "requests of 10 B, 100 in flight", kind: "h2", unit: "requests/s", perUnit: 1 },
  { name: "h2-requests-tls", title: "the same over TLS", kind: "h2", unit: "requests/s", perUnit: 1, tls: true },
  { name: "h2-64k", title: "bodies of 64 KiB, 16 in flight", kind: "h2", unit: "MB/s", perUnit: 1e6 },
  { name: "h2-64k-tls", title: "the same over TLS", kind: "h2", unit: "MB/s", perUnit: 1e6, tls: true },
  { name: "unary-1", title: "unary 10 B, 1 in flight", kind: "grpc", unit: "calls/s", perUnit: 1 },
  { name: "unary-100", title: "unary 10 B, 100 in flight", kind: "grpc", unit: "calls/s", perUnit: 1 },
  {
    name: "unary-100-dressed",
    title: "the same, with interceptor, deadline, 5 × metadata",
    kind: "grpc",
    unit: "calls/s",
    perUnit: 1,
  },
  { name: "ping-pong", title: "ping-pong 10 B on one stream", kind: "grpc", unit: "round trips/s", perUnit: 1 },
  { name: "small-messages", title: "10 B messages one way", kind: "grpc", unit: "messages/s", perUnit: 1 },
  { name: "64k-messages", title: "64 KiB messages one way", kind: "grpc", unit: "MB/s", perUnit: 1e6 },
  {
    name: "64k-messages-roomy",
    title: "the same, node --initial-old-space-size=64",
    kind: "grpc",
    unit: "MB/s",
    perUnit: 1e6,
    nodeFlags: roomy,
  },
  {
    name: "cold-start",
    title: "from import to the first answer",
    kind: "grpc",
    unit: "ms",
    perUnit: 1,
    level: "time",
    published: true,
  },
  {
    name: "idle-streams-memory",
    title: "server: 10,000 idle streams over none",
    kind: "grpc",
    unit: "MB resident",
    perUnit: 1e6,
    level: { memoryOf: "server" },
  },
  {
    name: "idle-connections-memory",
    title: "server: 1,000 idle connections over none",
    kind: "grpc",
    unit: "MB resident",
    perUnit: 1e6,
    level: { memoryOf: "server" },
  },
  { name: "tunnel-64k", title: "64 KiB chunks one way", kind: "tunnel", unit: "MB/s", perUnit: 1e6 },
  {
    name: "tunnel-64k-roomy",
    title: "the same, node --initial-old-space-size=64",
    kind: "tunnel",
    unit: "MB/s",
    perUnit: 1e6,
    nodeFlags: roomy,
  },
  {
    name: "tunnel-round-trips",
    title: "1 B round trips on one stream",
    kind: "tunnel",
    unit: "round trips/s",
    perUnit: 1,
  },
  { name: "tunnel-set-ups", title: "set-ups, 16 at a time", kind: "tunnel", unit: "streams/s", perUnit: 1 },
  {
    name: "tunnel-idle-memory",
    title: "1,000 idle streams over none",
    kind: "tunnel",
    unit: "MB resident",
    perUnit: 1e6,
    level: { memoryOf: "middle" },
  },
];
