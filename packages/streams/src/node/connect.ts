/** Connects to TCP and Unix sockets. */
import type { Socket } from "node:net";
import { type AbortSignalLike, type Clock, checkOptionNames, optionNames, type TcpAddress } from "@trunkline/base";
import { dialSocket, systemClock, TransportError } from "@trunkline/base/node";
import { type Attributes, noAttributes, remoteAddress } from "../contract/attributes.js";
import { BrokenStreamError } from "../contract/errors.js";
import type { ObjectStream } from "../contract/stream.js";
import { streamFromDuplex } from "./duplex-stream.js";

/** Options of `connectTcp`, `connectUnix` and `connectTls`. */
export interface ConnectOptions {
  /** Cancels; the promise rejects with its reason. */
  readonly signal?: AbortSignalLike | undefined;
  /** The time for connecting, the lookup of the name included. Default 10,000 ms. */
  readonly connectTimeoutMs?: number | undefined;
  /** The clock for `connectTimeoutMs` and for the stream's `close()`. Default: real time. */
  readonly clock?: Clock | undefined;
}

const connectOptionNames = optionNames<ConnectOptions>({ signal: true, connectTimeoutMs: true, clock: true });

/**
 * An address of TCP: a name, an IPv4 address, or an IPv6 address with or without a zone. Of a name with several
 * addresses the first that answers is taken; one that is slow is tried on while the next ones are tried beside it.
 */
export type TcpTarget = TcpAddress;

/**
 * Connects to a TCP port. Small writes go out at once (no Nagle).
 * @throws BrokenStreamError with the system's code, such as `ECONNREFUSED`, or `CONNECT_TIMEOUT`
 */
export async function connectTcp(target: TcpTarget, options: ConnectOptions = {}): Promise<ObjectStream<Uint8Array>> {
  checkOptionNames("connectTcp", options, connectOptionNames);
  return await dial((limits) => dialSocket(target, limits), options);
}

/**
 * Connects to a Unix socket; a path that begins with a zero byte is a name in Linux's abstract namespace. An abort is
 * seen as an end at the other side, since such a socket has nothing like a reset.
 * @throws BrokenStreamError with the system's code, such as `ENOENT`, or `CONNECT_TIMEOUT`; SocketPathError (a
 * RangeError) for a path that is longer than the system takes
 */
export async function connectUnix(path: string, options: ConnectOptions = {}): Promise<ObjectStream<Uint8Array>> {
  checkOptionNames("connectUnix", options, connectOptionNames);
  const attributes = new Map([[remoteAddress, { path }]]);
  return await dial(
    (limits) => dialSocket({ path }, limits),
    options,
    () => attributes,
  );
}

/** The limits of a connection attempt, as the dialler of base takes them. */
export type DialLimits = Required<Pick<ConnectOptions, "clock" | "connectTimeoutMs">> &
  Pick<ConnectOptions, "signal"> & { readonly allowHalfOpen: true };

/** Opens a socket and makes a stream of it. `attributesOf` returns what is known about the connection. */
export async function dial<S extends Socket>(
  open: (limits: DialLimits) => Promise<S>,
  { signal, connectTimeoutMs = 10_000, clock = systemClock }: ConnectOptions,
  attributesOf: (socket: S) => Attributes = () => noAttributes,
): Promise<ObjectStream<Uint8Array>> {
  let socket: S;
  try {
    socket = await open({ signal, connectTimeoutMs, clock, allowHalfOpen: true });
  } catch (error) {
    throw TransportError.is(error) ? brokenBy(error) : error;
  }
  return streamFromDuplex(socket, { clock, attributes: attributesOf(socket) });
}

function brokenBy(error: TransportError): BrokenStreamError {
  const code = error.code === "HANDSHAKE_TIMEOUT" ? "CONNECT_TIMEOUT" : (error.systemCode ?? error.code);
  return new BrokenStreamError(error.message, { code, cause: error });
}
