/** Binding the listening sockets of one address: one, or for `localhost` both of its addresses with the same port. */
import type { SocketAddress } from "@trunkline/base";
import type { SocketServer } from "@trunkline/h2/node";
import { listenOn } from "#platform";

/** The listening sockets of one address. */
export interface BoundListeners {
  readonly listeners: readonly SocketServer[];
  /** The address that a channel takes as its target. */
  readonly bound: SocketAddress;
}

/** Listens on an address with one socket. @throws ListenError, SocketPathError */
export async function listenOnOne(create: () => SocketServer, address: SocketAddress): Promise<BoundListeners> {
  const listener = create();
  const bound = await listenOn(listener, address);
  return { listeners: [listener], bound };
}

/** The number of free ports that are tried where the first one is taken in the other family. */
const maxPortAttempts = 10;

/**
 * Listens on 127.0.0.1 and ::1 with the same port, since a client that resolves `localhost` may try either of them
 * (grpc-go#2678). A machine without IPv6, or without IPv4, gets one socket.
 * @throws ListenError naming the address that could not be had
 */
export async function listenOnLocalhost(create: () => SocketServer, port: number): Promise<BoundListeners> {
  for (let attempt = 1; ; attempt++) {
    const first = await listenOnFamily(create, "127.0.0.1", port);
    const chosen = first === undefined ? port : first.port;
    try {
      const second = await listenOnFamily(create, "::1", chosen);
      const listeners = [first, second].flatMap((one) => (one === undefined ? [] : [one.listener]));
      if (listeners.length > 0) return { listeners, bound: { host: "localhost", port: second?.port ?? chosen } };
      // Neither family is there: the error of the first address says so.
      return await listenOnOne(create, { host: "127.0.0.1", port });
    } catch (error) {
      if (first !== undefined) await closeListener(first.listener);
      const { code } = error as { readonly code?: unknown };
      // The port was chosen by the system for one family and is taken in the other: another one may be free in both.
      if (port !== 0 || code !== "EADDRINUSE" || attempt === maxPortAttempts) throw error;
    }
  }
}

interface FamilyListener {
  readonly listener: SocketServer;
  readonly port: number;
}

/** Listens on an address of one family; undefined where the machine does not have the family. */
async function listenOnFamily(
  create: () => SocketServer,
  host: string,
  port: number,
): Promise<FamilyListener | undefined> {
  const listener = create();
  try {
    const bound = await listenOn(listener, { host, port });
    return { listener, port: "port" in bound ? bound.port : port };
  } catch (error) {
    const { code } = error as { readonly code?: unknown };
    if (code === "EADDRNOTAVAIL" || code === "EAFNOSUPPORT") return undefined;
    throw error;
  }
}

/** Closes a listening socket; resolves when it is closed. */
export function closeListener(listener: SocketServer): Promise<void> {
  return new Promise((resolve) => void listener.close(() => resolve()));
}
