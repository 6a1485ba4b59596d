/** Listens on TCP and Unix sockets. */
import { createServer, type Server, type Socket } from "node:net";
import { type Clock, callObserver, checkOptionNames, optionNames, wholeNumber } from "@trunkline/base";
import { type BoundServers, listenOnAll, systemClock } from "@trunkline/base/node";
import { type Attributes, localAddress, noAttributes, type SocketAddress } from "../contract/attributes.js";
import type { ObjectStream, WaitOptions } from "../contract/stream.js";
import { iterate } from "../kit/iterate.js";
import { ReceiveQueue } from "../kit/receive-queue.js";
import { streamFromDuplex } from "./duplex-stream.js";
import { resetAndDestroy } from "./reset.js";

/** Options of every listener. */
export interface SocketListenOptions {
  /**
   * The most connections that wait to be accepted; one more is reset. Default 128, the customary backlog: a loop that
   * starts a task for each connection takes them at once.
   */
  readonly maxPendingConnections?: number;
  /** The clock for `close()` of the streams. Default: real time. */
  readonly clock?: Clock;
  /**
   * Called with what goes wrong while listening, such as too many open files, and with the code `TOO_MANY_PENDING` for
   * each connection that is reset because of `maxPendingConnections`. The listener goes on.
   */
  onError?(error: Error): void;
}

const socketListenOptionNames = optionNames<SocketListenOptions>({
  maxPendingConnections: true,
  clock: true,
  onError: true,
});

/** Options of `listenTcp`. */
export interface TcpListenOptions extends SocketListenOptions {
  /**
   * The address to bind. Default `127.0.0.1`; `localhost` is 127.0.0.1 and ::1, `::` is every address of the machine.
   */
  readonly host?: string;
  /** The port to bind. Default 0: any free port; `listener.address` tells which. */
  readonly port?: number;
}

const tcpListenOptionNames = optionNames<TcpListenOptions>({
  maxPendingConnections: true,
  clock: true,
  onError: true,
  host: true,
  port: true,
});

/** The differences between the kinds of listeners. */
export interface ListenerKind {
  /** The event with which the server hands over a connection that may be used. Default `"connection"`. */
  readonly readyEvent?: string;
  /** Returns what is known about a connection. */
  attributesOf?(socket: Socket): Attributes;
}

/** A bound address and the connections that come in at it. `for await` accepts them until `close`. */
export class SocketListener implements AsyncIterable<ObjectStream<Uint8Array>>, AsyncDisposable {
  /** The bound address, with the port that the system has chosen. */
  readonly address: SocketAddress;
  readonly #servers: readonly Server[];
  readonly #clock: Clock;
  readonly #pending: ReceiveQueue<Socket> = new ReceiveQueue();
  readonly #attributesOf: (socket: Socket) => Attributes;

  /** @internal Takes bound servers. Users call `listenTcp`, `listenTls` or `listenUnix`. */
  constructor(
    { servers, bound }: BoundServers<Server>,
    { maxPendingConnections = 128, clock = systemClock, onError }: SocketListenOptions,
    kind: ListenerKind = {},
  ) {
    this.address = bound;
    this.#servers = servers;
    this.#clock = clock;
    const report = (error: Error): void => callObserver(() => onError?.(error));
    this.#attributesOf = kind.attributesOf ?? (() => noAttributes);
    for (const server of servers) {
      server.on("error", report);
      server.on(kind.readyEvent ?? "connection", (socket: Socket) => {
        socket.on("error", () => {}); // an error before it is accepted concerns nobody
        if (server.listening && this.#pending.size < maxPendingConnections) {
          this.#pending.push(socket);
          return;
        }
        const error = tooManyPending(maxPendingConnections);
        resetAndDestroy(socket, error);
        if (server.listening) report(error);
      });
    }
  }

  /** Returns the next connection, or `undefined` after `close`. One call at a time. @throws BusyStreamError */
  async accept(options?: WaitOptions): Promise<ObjectStream<Uint8Array> | undefined> {
    const socket = await this.#pending.take(options);
    if (socket === undefined) return undefined;
    const attributes = "path" in this.address ? new Map([[localAddress, this.address]]) : this.#attributesOf(socket);
    return streamFromDuplex(socket, { clock: this.#clock, attributes });
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<ObjectStream<Uint8Array>, undefined> {
    return iterate(() => this.accept());
  }

  /**
   * Frees the address; connections that nobody has accepted are reset, those that were accepted live on. Idempotent.
   */
  async close(): Promise<void> {
    for (const server of this.#servers) server.close();
    this.#pending.end();
    for (let left = this.#pending.size; left > 0; left--) {
      const socket = await this.#pending.take();
      if (socket !== undefined) resetAndDestroy(socket, new Error("the listener was closed"));
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/**
 * Listens on a TCP port.
 * @throws ListenError when the address cannot be bound, with the system's `code`, such as `EADDRINUSE`
 */
export async function listenTcp(options: TcpListenOptions = {}): Promise<SocketListener> {
  checkOptionNames("listenTcp", options, tcpListenOptionNames);
  const { host = "127.0.0.1", port = 0 } = options;
  return await listenWith(plainServer, { host, port }, options);
}

/**
 * Listens on a Unix socket. The file is removed on `close`; one that a killed process has left behind is replaced. A
 * path that begins with a zero byte is a name in Linux's abstract namespace, which has no file.
 * @throws ListenError when the path cannot be bound, with the system's `code`, such as `EADDRINUSE` where another
 * process listens; SocketPathError (a RangeError) for a path that is longer than the system takes
 */
export async function listenUnix(path: string, options: SocketListenOptions = {}): Promise<SocketListener> {
  checkOptionNames("listenUnix", options, socketListenOptionNames);
  return await listenWith(plainServer, { path }, options);
}

/** Binds servers that `create` makes, and accepts their connections. */
export async function listenWith(
  create: () => Server,
  address: SocketAddress,
  options: SocketListenOptions,
  kind?: ListenerKind,
): Promise<SocketListener> {
  checkLimit(options);
  return new SocketListener(await listenOnAll(create, address), options, kind);
}

/** Returns the error of a connection that was reset because as many as `limit` allows wait already. */
function tooManyPending(limit: number): Error {
  const message = `as many connections as maxPendingConnections (${limit}) allows wait to be accepted`;
  return Object.assign(new Error(message), { code: "TOO_MANY_PENDING" });
}

/** @throws RangeError for a `maxPendingConnections` that is out of its range */
export function checkLimit({ maxPendingConnections = 1 }: SocketListenOptions): void {
  wholeNumber("maxPendingConnections", maxPendingConnections, 1);
}

function plainServer(): Server {
  return createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true });
}
