/** Servers and certificates for the tests of sockets. */
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SocketAddress, TcpAddress } from "../../src/index.js";
import { listenOn } from "../../src/node/index.js";

const fixture = (name: string) => readFileSync(new URL(`../../../h2/test/fixtures/tls/${name}.pem`, import.meta.url));

/** The certificate of the authority that has signed the others. */
export const authority: Buffer = fixture("authority");

/** Returns a certificate with its key. */
export function certificateOf(name: "server" | "client" | "expired" | "stranger"): { cert: Buffer; key: Buffer } {
  return { cert: fixture(name), key: fixture(`${name}-key`) };
}

const closers: (() => unknown)[] = [];

/** Closes what the tests of a file have opened. */
export async function closeAll(): Promise<void> {
  for (let close = closers.pop(); close !== undefined; close = closers.pop()) await close();
}

/** Listens with `server` until the test is over. */
export async function serve(
  server: net.Server = net.createServer((socket) => socket.on("error", () => {})),
  address: SocketAddress = { host: "127.0.0.1", port: 0 },
): Promise<SocketAddress> {
  const sockets = new Set<net.Socket>();
  server.on("connection", (socket) => sockets.add(socket));
  const bound = await listenOn(server, address);
  closers.push(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return bound;
}

/** Returns a port on which nothing listens. */
export async function freePort(): Promise<number> {
  const server = net.createServer();
  const { port } = (await listenOn(server, { host: "127.0.0.1", port: 0 })) as TcpAddress;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Makes a folder that is removed after the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "base-"));
  closers.push(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
