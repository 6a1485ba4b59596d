/** Dialling TCP and Unix sockets. */
import { connect, type Socket } from "node:net";
import type { AbortSignalLike, Clock } from "@trunkline/base";
import { abortReason } from "@trunkline/base";
import { systemClock } from "@trunkline/base/node";
import { type Attributes, noAttributes, remoteAddress } from "../contract/attributes.js";
import { BrokenStreamError } from "../contract/errors.js";
import type { ObjectStream } from "../contract/stream.js";
import { streamFromDuplex } from "./duplex-stream.js";

export interface ConnectOptions {
  /** Gives up; the promise rejects with its reason. */
  readonly signal?: AbortSignalLike | undefined;
  /** How long connecting may take, looking up the name included. Default 10,000 ms. */
  readonly connectTimeoutMs?: number;
  /** For `connectTimeoutMs` and for the stream's `close()`. Default: real time. */
  readonly clock?: Clock;
}

export interface TcpTarget {
  /** A name or an address; of a name with several addresses the first that answers is taken. */
  readonly host: string;
  readonly port: number;
}

/**
 * Connects to a TCP port. Small writes go out at once (no Nagle).
 * @throws BrokenStreamError with the system's code, such as `ECONNREFUSED`, or `CONNECT_TIMEOUT`
 */
export function connectTcp(target: TcpTarget, options: ConnectOptions = {}): Promise<ObjectStream<Uint8Array>> {
  const { host, port } = target;
  return dial(
    { name: hostAndPort(target), open: () => connect({ host, port, noDelay: true, allowHalfOpen: true }) },
    options,
  );
}

/**
 * Connects to a Unix socket. There an abort is seen as an end, since such a socket has nothing like a reset.
 * @throws BrokenStreamError with the system's code, such as `ENOENT`, or `CONNECT_TIMEOUT`
 */
export function connectUnix(path: string, options: ConnectOptions = {}): Promise<ObjectStream<Uint8Array>> {
  const attributes = new Map([[remoteAddress, { path }]]);
  return dial(
    { name: path, open: () => connect({ path, allowHalfOpen: true }), attributesOf: () => attributes },
    options,
  );
}

/** As people write it. */
export function hostAndPort({ host, port }: TcpTarget): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** How a kind of connection is opened. */
export interface Dialling<S extends Socket> {
  /** For messages. */
  readonly name: string;
  open(): S;
  /** The event after which it may be used. Default `"connect"`. */
  readonly readyEvent?: string;
  /** What is known about it, once it may be used. */
  attributesOf?(socket: S): Attributes;
}

export function dial<S extends Socket>(
  dialling: Dialling<S>,
  options: ConnectOptions,
): Promise<ObjectStream<Uint8Array>> {
  const { name, readyEvent = "connect" } = dialling;
  const { signal, connectTimeoutMs = 10_000, clock = systemClock } = options;
  if (!(connectTimeoutMs > 0))
    return Promise.reject(new RangeError(`connectTimeoutMs must be above zero, but is ${connectTimeoutMs}`));
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(abortReason(signal));
      return;
    }
    let socket: S;
    try {
      socket = dialling.open();
    } catch (error) {
      reject(error); // a port out of range, say
      return;
    }
    const giveUp = (error: unknown): void => {
      settle();
      socket.on("error", () => {}); // what comes after is nobody's concern
      socket.destroy();
      reject(error);
    };
    const onError = (error: Error & { code?: string }): void => {
      giveUp(
        new BrokenStreamError(`could not connect to ${name}: ${whatWentWrong(error)}`, {
          code: error.code ?? "CONNECT_FAILED",
          cause: error,
        }),
      );
    };
    const onClose = (): void =>
      onError(Object.assign(new Error("the connection was closed"), { code: "CONNECT_FAILED" }));
    const onAbort = (): void => giveUp(signal === undefined ? undefined : abortReason(signal));
    const onConnect = (): void => {
      settle();
      resolve(streamFromDuplex(socket, { clock, attributes: dialling.attributesOf?.(socket) ?? noAttributes }));
    };
    const cancelTimeout = clock.at(
      clock.nowMs() + connectTimeoutMs,
      () => {
        const message = `could not connect to ${name} within connectTimeoutMs (${connectTimeoutMs})`;
        giveUp(new BrokenStreamError(message, { code: "CONNECT_TIMEOUT" }));
      },
      "watch",
    );
    const settle = (): void => {
      cancelTimeout();
      signal?.removeEventListener("abort", onAbort);
      socket.off("error", onError).off("close", onClose).off(readyEvent, onConnect);
    };
    signal?.addEventListener("abort", onAbort);
    socket.once("error", onError).once("close", onClose).once(readyEvent, onConnect);
  });
}

/** Node reports one error for each address that was tried, and leaves the message of the whole empty. */
function whatWentWrong(error: Error): string {
  if (error instanceof AggregateError) return error.errors.map((one: Error) => one.message).join(", ");
  return error.message;
}
