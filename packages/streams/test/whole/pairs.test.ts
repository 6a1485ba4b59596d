/**
 * Every wrapper over every carrier. The whole suite runs over each of them elsewhere; here, where there are many pairs,
 * one test for each thing that can go wrong between two layers.
 */

import { PassThrough } from "node:stream";
import { describe, test } from "vitest";
import {
  buffered,
  Crc32,
  compressed,
  counted,
  enveloped,
  lengthPrefixed,
  MetadataStream,
  memoryPair,
  type ObjectStream,
  progress,
  rateLimited,
  stapled,
  tap,
  withTimeouts,
} from "../../src/index.js";
import {
  connectTcp,
  connectTls,
  connectUnix,
  gzip,
  listenTcp,
  listenTls,
  listenUnix,
  type SocketListener,
  streamFromDuplex,
  streamFromReadable,
  streamFromWritable,
  temporarySocketPath,
  toDuplex,
} from "../../src/node/index.js";
import { type ComplianceOptions, complianceTests } from "../../src/testing/index.js";
import { streamFromWeb, streamFromWebSocket, toWeb } from "../../src/web/index.js";
import { cert, key } from "../node/tls-identity.js";
import { turns } from "../support/turns.js";
import { webSocketPair } from "../web/web-sockets.js";

type Bytes = ObjectStream<Uint8Array>;

interface Carrier extends Omit<ComplianceOptions, "connect"> {
  readonly name: string;
  connect(
    ...parameters: Parameters<ComplianceOptions["connect"]>
  ): Promise<{ first: Bytes; second: Bytes; release?(): Promise<void> }>;
}

const target = (listener: SocketListener) => listener.address as { host: string; port: number };

async function both(listener: SocketListener, connecting: Promise<Bytes>, remove?: () => Promise<void>) {
  const [first, second] = await Promise.all([connecting, listener.accept()]);
  await listener.close();
  if (second === undefined) throw new Error("the listener was closed");
  return { first, second, ...(remove === undefined ? {} : { release: remove }) };
}

const carriers: readonly Carrier[] = [
  {
    name: "memory",
    async connect(clock) {
      const [first, second] = memoryPair<Uint8Array>({ clock });
      return { first, second };
    },
  },
  {
    name: "TCP",
    keepsBoundaries: false,
    async connect(clock) {
      const listener = await listenTcp({ clock });
      return both(listener, connectTcp(target(listener), { clock }));
    },
  },
  {
    name: "TLS",
    keepsBoundaries: false,
    async connect(clock) {
      const listener = await listenTls({ clock, tls: { key, cert } });
      return both(listener, connectTls(target(listener), { clock, tls: { ca: cert } }));
    },
  },
  {
    name: "Unix sockets",
    keepsBoundaries: false,
    abortIsSeen: false,
    async connect(clock) {
      const place = await temporarySocketPath();
      const listener = await listenUnix(place.path, { clock });
      return both(listener, connectUnix(place.path, { clock }), () => place.remove());
    },
  },
  {
    name: "Node duplexes",
    keepsBoundaries: false,
    async connect(clock) {
      const [first, second] = memoryPair<Uint8Array>({ clock });
      return {
        first: streamFromDuplex(toDuplex(first), { clock }),
        second: streamFromDuplex(toDuplex(second), { clock }),
      };
    },
  },
  {
    name: "Node readables and writables",
    keepsBoundaries: false,
    async connect(clock) {
      const [there, back] = [new PassThrough(), new PassThrough()];
      return {
        first: stapled(streamFromReadable(back, { clock }), streamFromWritable(there, { clock })),
        second: stapled(streamFromReadable(there, { clock }), streamFromWritable(back, { clock })),
      };
    },
  },
  {
    name: "web streams",
    async connect(clock) {
      const [first, second] = memoryPair<Uint8Array>({ clock });
      return { first: streamFromWeb(toWeb(first), { clock }), second: streamFromWeb(toWeb(second), { clock }) };
    },
  },
  {
    name: "WebSockets",
    async connect(clock) {
      const { client, server, release } = await webSocketPair("ws");
      const options = { clock, inBand: true } as const;
      return { first: streamFromWebSocket(client, options), second: streamFromWebSocket(server, options), release };
    },
  },
];

interface Wrapper {
  readonly name: string;
  /** The treatment of boundaries: the wrapper keeps those below, makes its own, or loses them. */
  readonly boundaries: "as below" | "own" | "none";
  wrap(stream: Bytes): Bytes;
}

const wrappers: readonly Wrapper[] = [
  { name: "MetadataStream", boundaries: "as below", wrap: (stream) => new MetadataStream(stream, { side: "one" }) },
  { name: "progress", boundaries: "as below", wrap: (stream) => progress(stream, { onProgress() {} }) },
  { name: "tap", boundaries: "as below", wrap: (stream) => tap(stream, { onSend() {}, onReceive() {} }) },
  {
    name: "counted",
    boundaries: "as below",
    wrap: (stream) => counted(stream, { sent: new Crc32(), received: new Crc32() }),
  },
  { name: "withTimeouts", boundaries: "as below", wrap: (stream) => withTimeouts(stream, { idleTimeoutMs: 1e9 }) },
  { name: "rateLimited", boundaries: "as below", wrap: (stream) => rateLimited(stream, { sendBytesPerSecond: 1e12 }) },
  { name: "buffered", boundaries: "as below", wrap: (stream) => buffered(stream) },
  { name: "enveloped", boundaries: "own", wrap: (stream) => enveloped(stream) },
  { name: "lengthPrefixed", boundaries: "own", wrap: (stream) => lengthPrefixed(stream) },
  {
    name: "gzip",
    boundaries: "none",
    wrap: (stream) => compressed(stream, { send: gzip(), receive: gzip(), flushEachMessage: true }),
  },
];

/** Beginnings of titles of the suite. */
const chosen = [
  "items arrive in order",
  "both directions go on",
  "sends that overlap keep their order",
  "after a half-close the other direction goes on",
  "close delivers what was sent",
  "after close everything is refused",
  "disposal without sendEof is an abort",
  "an abort is an error for a receive that waits",
  "after an abort everything on this side is refused",
  "a cancelled receive loses no item",
  "a signal has no listeners left",
  "metadata of a message is carried exactly, or refused",
  "attributes are seen through wrappers",
];

describe.each(carriers)("over $name", (carrier) => {
  describe.each(wrappers)("$name", ({ boundaries, wrap }) => {
    const options: ComplianceOptions = {
      ...carrier,
      keepsBoundaries: boundaries === "own" || (boundaries === "as below" && carrier.keepsBoundaries !== false),
      settle: () => turns(10),
      async connect(clock) {
        const pair = await carrier.connect(clock);
        return { ...pair, first: wrap(pair.first), second: wrap(pair.second) };
      },
    };
    const tests = complianceTests(options).filter(
      ({ title }) => chosen.some((beginning) => title.startsWith(beginning)) && !title.endsWith("(second to first)"),
    );
    test.each(tests)("$title", ({ run }) => run());
  });
});
