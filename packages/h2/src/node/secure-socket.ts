/** TLS over a connection that exists already, good for HTTP/2. This file must not know how the connection was made. */
import type { Duplex } from "node:stream";
import type tls from "node:tls";
import { type StartTlsOptions, startTls } from "@trunkline/base/node";
import { checkedForHttp2, clientTlsOptions } from "./tls.js";

/** Options of `secureSocket`. */
export type SecureSocketOptions = StartTlsOptions;

/**
 * Finishes a TLS handshake as a client on `duplex`; the result is good for HTTP/2 (RFC 9113 §9.2). The connection is
 * closed when that fails.
 * @throws TransportError that names the server and the failure, with a code for programs. TypeError for options that
 * contradict HTTP/2. The signal's reason when it aborts.
 */
export async function secureSocket(
  duplex: Duplex,
  options: tls.ConnectionOptions,
  limits: SecureSocketOptions,
): Promise<tls.TLSSocket> {
  return checkedForHttp2(await startTls(duplex, clientTlsOptions(options), limits), limits.name);
}
