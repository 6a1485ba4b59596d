/**
 * Dials for HTTP/2 over TCP and Unix sockets, with TLS where asked. This file must not know what is spoken afterwards.
 */
import type net from "node:net";
import type tls from "node:tls";
import { type AbortSignalLike, type Clock, type ProxyServer, printAddress, type SocketAddress } from "@trunkline/base";
import { dialSocket, dialTls } from "@trunkline/base/node";
import { checkedForHttp2, clientTlsOptions } from "./tls.js";

/** The address that a socket goes to. */
export type SocketTarget = SocketAddress;

/** Options of `connectSocket`. */
export interface ConnectSocketOptions {
  /**
   * TLS with these options (`ca`, `cert`, `key`, `servername`, …). `ALPNProtocols` is set here; `minVersion` is by
   * default TLS 1.2, and `ciphers` those that HTTP/2 allows. Default: no TLS.
   */
  readonly tls?: tls.ConnectionOptions | undefined;
  /** Cancels; the promise rejects with its reason. */
  readonly signal?: AbortSignalLike | undefined;
  /** The time from the start to the end of the TLS handshake. Default 20,000 ms, as other gRPC clients wait. */
  readonly connectTimeoutMs?: number | undefined;
  /** The proxy through which the connection goes; TLS to the target is within. Default: none. */
  readonly proxy?: ProxyServer | undefined;
  /** The clock for `connectTimeoutMs`. Default: real time. */
  readonly clock?: Clock | undefined;
}

/**
 * Connects a socket and finishes its TLS handshake; the result is good for HTTP/2 (RFC 9113 §9.2). All addresses of a
 * name are tried, a slow one beside the next.
 *
 * In TLS 1.3 a server looks at the client's certificate only after that: its objections are told by the connection's
 * end.
 * @throws TransportError that names the target and the failure, with a code for programs. TypeError or RangeError for
 * options that contradict HTTP/2 or themselves. The signal's reason when it aborts.
 */
export async function connectSocket(target: SocketTarget, options: ConnectSocketOptions = {}): Promise<net.Socket> {
  const { tls: secure, ...limits } = options;
  if (secure === undefined) return await dialSocket(target, limits);
  return checkedForHttp2(await dialTls(target, clientTlsOptions(secure), limits), printAddress(target));
}
