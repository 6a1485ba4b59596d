/** Who is at the other end of a connection. */
import net from "node:net";
import type { Duplex } from "node:stream";
import { TLSSocket } from "node:tls";
import { type AttributeKey, attribute } from "@trunkline/streams";
import { hostAndPort } from "./address.js";

export interface Peer {
  /** `"127.0.0.1:50051"`, `"[::1]:50051"`, `"unix:/path"`, or `"transport"` for a duplex that has no address. */
  readonly address: string;
  /** TLS is in use. */
  readonly secure: boolean;
}

/** The peer of a call, for layers around it. */
export const callPeer: AttributeKey<Peer> = attribute("callPeer");

/** `path`: where a Unix socket is that does not know it itself. */
export function peerOf(duplex: Duplex, path?: string): Peer {
  const secure = duplex instanceof TLSSocket;
  if (path !== undefined) return { address: `unix:${path}`, secure };
  if (duplex instanceof net.Socket && duplex.remoteAddress !== undefined) {
    return { address: hostAndPort(duplex.remoteAddress, duplex.remotePort ?? 0), secure };
  }
  return { address: "transport", secure };
}
