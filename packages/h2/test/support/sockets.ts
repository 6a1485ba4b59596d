/** Servers on loopback for the tests of the driver: each kind of socket, closed when the test is over. */

import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import type { AddressInfo, ListenOptions, Server, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Duplex } from "node:stream";
import { setImmediate } from "@trunkline/base/node";
import {
  connectSocket,
  createSocketServer,
  HttpConnection,
  type HttpHandler,
  type HttpOptions,
  type SocketTarget,
} from "../../src/node/index.js";

const fixture = (name: string) => readFileSync(new URL(`../fixtures/${name}`, import.meta.url));
/** Self-signed, for localhost and 127.0.0.1, good for a hundred years. */
export const certificate: { cert: Buffer; key: Buffer } = { cert: fixture("certificate.pem"), key: fixture("key.pem") };

export type SocketKind = "tcp" | "tls" | "unix";
export const socketKinds: readonly SocketKind[] = ["tcp", "tls", "unix"];

/** The things that a test has opened, closed in reverse order. */
export class Cleanup {
  #steps: (() => unknown)[] = [];

  add(step: () => unknown): void {
    this.#steps.push(step);
  }

  async run(): Promise<void> {
    for (const step of this.#steps.reverse()) await step();
    this.#steps = [];
  }
}

/** Makes `server` listen where `kind` says. */
export async function listen(server: Server, kind: SocketKind, cleanup: Cleanup): Promise<SocketTarget> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  cleanup.add(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  let where: ListenOptions = { host: "127.0.0.1", port: 0 };
  if (kind === "unix") {
    const folder = await mkdtemp(join(tmpdir(), "h2-test-"));
    cleanup.add(() => rm(folder, { recursive: true, force: true }));
    where = { path: join(folder, "socket") };
  }
  await new Promise<void>((resolve) => server.listen(where, resolve));
  return where.path === undefined
    ? { host: "127.0.0.1", port: (server.address() as AddressInfo).port }
    : { path: where.path };
}

export interface OurServer {
  readonly target: SocketTarget;
  readonly connections: HttpConnection[];
}

/** A server of ours whose connections are told to a list. */
export async function serve(
  kind: SocketKind,
  cleanup: Cleanup,
  answer: HttpHandler,
  options: HttpOptions = {},
): Promise<OurServer> {
  const connections: HttpConnection[] = [];
  const server = createSocketServer({ tls: kind === "tls" ? certificate : undefined }, (socket) => {
    connections.push(HttpConnection.accept(socket, answer, options));
  });
  return { target: await listen(server, kind, cleanup), connections };
}

/** A client of ours, connected. */
export async function dial(
  target: SocketTarget,
  kind: SocketKind,
  cleanup: Cleanup,
  options: HttpOptions = {},
): Promise<HttpConnection> {
  const socket = await connectSocket(target, { tls: kind === "tls" ? { ca: certificate.cert } : undefined });
  const connection = HttpConnection.connect(socket, options);
  cleanup.add(() => connection.driver.destroy());
  return connection;
}

/** Two ends in memory: what one writes the other reads. */
export function duplexPair(): [Duplex, Duplex] {
  const make = (other: () => Duplex): Duplex =>
    new Duplex({
      read() {
        // Pushed by the other end as it writes.
      },
      write(chunk: Buffer, _encoding, done) {
        other().push(chunk);
        setImmediate(done);
      },
      final(done) {
        other().push(null);
        done();
      },
      destroy(error, done) {
        const peer = other();
        if (!peer.destroyed && !peer.readableEnded) setImmediate(() => peer.destroy());
        done(error);
      },
    });
  const a: Duplex = make(() => b);
  const b: Duplex = make(() => a);
  return [a, b];
}
