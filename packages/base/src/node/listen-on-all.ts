/** Binding the servers of one address: one, or for `localhost` one on each of its addresses with the same port. */
import type net from "node:net";
import type { SocketAddress } from "../address.js";
import { listenOn } from "./listen.js";

/** The servers that listen on one address. */
export interface BoundServers<S extends net.Server> {
  readonly servers: readonly S[];
  /** The address that a client takes as its target, with the port that the system has chosen where it was 0. */
  readonly bound: SocketAddress;
}

/** The number of free ports that are tried where the first one is taken in the other family. */
const maxPortAttempts = 10;

/**
 * Listens on an address. `localhost` is 127.0.0.1 and ::1 with the same port, since a client that resolves it may try
 * either of them (grpc-go#2678); a machine without IPv6, or without IPv4, gets one server.
 * @param create makes a server that does not listen yet
 * @throws ListenError naming the address that could not be had; SocketPathError, RangeError as `listenOn`
 */
export async function listenOnAll<S extends net.Server>(
  create: () => S,
  address: SocketAddress,
): Promise<BoundServers<S>> {
  if ("path" in address || address.host !== "localhost") return listenOnOne(create, address);
  const { port } = address;
  for (let attempt = 1; ; attempt++) {
    const first = await listenOnFamily(create, "127.0.0.1", port);
    const chosen = first === undefined ? port : first.port;
    try {
      const second = await listenOnFamily(create, "::1", chosen);
      const servers = [first, second].flatMap((one) => (one === undefined ? [] : [one.server]));
      if (servers.length > 0) return { servers, bound: { host: "localhost", port: second?.port ?? chosen } };
      // Neither family is there: the error of the first address says so.
      return await listenOnOne(create, { host: "127.0.0.1", port });
    } catch (error) {
      if (first !== undefined) await closeServer(first.server);
      const { code } = error as { readonly code?: unknown };
      // The port was chosen by the system for one family and is taken in the other: another one may be free in both.
      if (port !== 0 || code !== "EADDRINUSE" || attempt === maxPortAttempts) throw error;
    }
  }
}

/** Closes a listening server; resolves when it is closed and its connections have ended. */
export function closeServer(server: net.Server): Promise<void> {
  return new Promise((resolve) => void server.close(() => resolve()));
}

async function listenOnOne<S extends net.Server>(create: () => S, address: SocketAddress): Promise<BoundServers<S>> {
  const server = create();
  return { servers: [server], bound: await listenOn(server, address) };
}

/** Listens on an address of one family; undefined where the machine does not have the family. */
async function listenOnFamily<S extends net.Server>(
  create: () => S,
  host: string,
  port: number,
): Promise<{ readonly server: S; readonly port: number } | undefined> {
  const server = create();
  try {
    const bound = await listenOn(server, { host, port });
    return { server, port: "port" in bound ? bound.port : port };
  } catch (error) {
    const { code } = error as { readonly code?: unknown };
    if (code === "EADDRNOTAVAIL" || code === "EAFNOSUPPORT") return undefined;
    throw error;
  }
}
