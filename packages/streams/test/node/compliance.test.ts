import { mkdtemp, rm } from "node:fs/promises";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe } from "vitest";
import { memoryPair, type ObjectStream } from "../../src/index.js";
import {
  connectTcp,
  connectTls,
  connectUnix,
  listenTcp,
  listenTls,
  listenUnix,
  type SocketListener,
  streamFromDuplex,
  toDuplex,
} from "../../src/node/index.js";
import { quickSuite, suite } from "../support/suite.js";
import { turns } from "../support/turns.js";
import { socketSuite } from "./socket-suite.js";
import { socketPair } from "./sockets.js";
import { cert, key } from "./tls-identity.js";

type Bytes = ObjectStream<Uint8Array>;

const bytes = { keepsBoundaries: false, settle: () => turns() } as const;

async function accepted(listener: SocketListener): Promise<ObjectStream<Uint8Array>> {
  const stream = await listener.accept();
  if (stream === undefined) throw new Error("the listener was closed");
  return stream;
}

describe("compliance of TCP sockets", () => {
  quickSuite({
    ...bytes,
    async connect(clock) {
      const listener = await listenTcp({ clock });
      const [first, second] = await Promise.all([
        connectTcp(listener.address as { host: string; port: number }, { clock }),
        accepted(listener),
      ]);
      await listener.close();
      return { first, second };
    },
  });
});

describe("compliance of bare sockets, whose listeners are counted", () => {
  quickSuite({
    ...bytes,
    async connect(clock) {
      const sockets = await socketPair();
      const [first, second] = sockets.map((socket) => streamFromDuplex(socket, { clock })) as [Bytes, Bytes];
      const count = (socket: Socket): number =>
        socket.eventNames().reduce((sum, name) => sum + socket.listenerCount(name), 0);
      return { first, second, listenerCount: () => sockets.reduce((sum, socket) => sum + count(socket), 0) };
    },
  });
});

describe("compliance of TLS connections", () => {
  quickSuite({
    ...bytes,
    async connect(clock) {
      const listener = await listenTls({ clock, tls: { key, cert } });
      const target = listener.address as { host: string; port: number };
      const [first, second] = await Promise.all([
        connectTls(target, { clock, tls: { ca: cert, servername: "localhost" } }),
        accepted(listener),
      ]);
      await listener.close();
      return { first, second };
    },
  });
});

describe("compliance of Unix sockets", () => {
  let folder = "";
  let pairs = 0;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "streams-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  suite({
    ...bytes,
    abortIsSeen: false,
    maxUnreadBytes: 2 * 1024 * 1024,
    async connect(clock) {
      const path = join(folder, `${pairs++}`);
      const listener = await listenUnix(path, { clock });
      const [first, second] = await Promise.all([connectUnix(path, { clock }), accepted(listener)]);
      await listener.close();
      return { first, second };
    },
  });
});

describe("compliance of a memory pair as a duplex and back", () => {
  suite({
    ...bytes,
    maxUnreadBytes: 4 * 1024 * 1024,
    connect(clock) {
      const [first, second] = memoryPair<Uint8Array>({ clock });
      return {
        first: streamFromDuplex(toDuplex(first), { clock }),
        second: streamFromDuplex(toDuplex(second), { clock }),
      };
    },
  });
});

describe("compliance of a socket as a duplex and back", () => {
  socketSuite({ keepsBoundaries: false }, (first, second, clock) => ({
    first: streamFromDuplex(toDuplex(first), { clock }),
    second,
  }));
});
