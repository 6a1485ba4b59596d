/** Connections over which credentials may be sent. */
import { isLoopback, parseHostPort } from "@trunkline/base";
import type { Peer } from "../connection/peer.js";
import { GrpcError } from "../wire/errors.js";
import { Status } from "../wire/status.js";

/**
 * Refuses a connection that others could read: one that neither has TLS nor goes to a Unix socket.
 * @param what names the credentials in the message
 * @param allowLoopback takes loopback addresses and transports without an address as private too
 * @throws GrpcError UNAUTHENTICATED
 */
export function requirePrivate({ address, secure }: Peer, what: string, allowLoopback: boolean): void {
  const near = isNear(address);
  if (secure || /^unix(-abstract)?:/.test(address) || (allowLoopback && near)) return;
  const hint = near ? " (allowLoopback permits it)" : "";
  throw unauthenticated(`${what} is sent over TLS or to a Unix socket only, and ${address} is neither${hint}`);
}

/** Returns true for a loopback address, and for a transport that has no address. */
function isNear(address: string): boolean {
  const host = parseHostPort(address)?.host;
  return address === "transport" || (host !== undefined && isLoopback(host));
}

/** Makes the error of a call whose credentials cannot be had, or cannot be sent. */
export function unauthenticated(message: string, cause?: unknown): GrpcError {
  return new GrpcError(Status.UNAUTHENTICATED, message, cause === undefined ? {} : { cause });
}
