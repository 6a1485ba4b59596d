/** Listening on TCP and Unix sockets. */
import { lstat, rm } from "node:fs/promises";
import { connect, createServer, type ListenOptions as NodeListenOptions, type Server, type Socket } from "node:net";
import type { Clock } from "@trunkline/base";
import { systemClock } from "@trunkline/base/node";
import { type Attributes, localAddress, noAttributes, type SocketAddress } from "../contract/attributes.js";
import type { ObjectStream, WaitOptions } from "../contract/stream.js";
import { iterate } from "../kit/base-stream.js";
import { ReceiveQueue } from "../kit/receive-queue.js";
import { streamFromDuplex } from "./duplex-stream.js";
import { resetAndDestroy } from "./reset.js";

export interface ListenOptions {
  /**
   * Connections that nobody has accepted yet; one more is reset. Default 128, the customary backlog: it is only a loop that starts
   * a task for each connection that takes them.
   */
  readonly maxPendingConnections?: number;
  /** For `close()` of the streams. Default: real time. */
  readonly clock?: Clock;
  /** Told of what goes wrong while listening, such as too many open files. The listener goes on. */
  onError?(error: Error): void;
}

export interface TcpListenOptions extends ListenOptions {
  /** The address to bind. Default `127.0.0.1`; `::` is every address of the machine. */
  readonly host?: string;
  /** Default 0: any free port; `listener.address` tells which. */
  readonly port?: number;
}

/** What differs from one kind of listener to another. */
export interface ListenerKind {
  /** The event with which the server hands over a connection that may be used. Default `"connection"`. */
  readonly readyEvent?: string;
  /** What is known about a connection. */
  attributesOf?(socket: Socket): Attributes;
}

/** A bound address that connections come in at. `for await` accepts them until `close`. */
export class SocketListener implements AsyncIterable<ObjectStream<Uint8Array>>, AsyncDisposable {
  /** Where it listens, with the port that the system has chosen. */
  readonly address: SocketAddress;
  readonly #server: Server;
  readonly #clock: Clock;
  readonly #pending: ReceiveQueue<Socket> = new ReceiveQueue();
  readonly #attributesOf: (socket: Socket) => Attributes;

  /** Use `listenTcp`, `listenTls` or `listenUnix`. */
  constructor(
    server: Server,
    { maxPendingConnections = 128, clock = systemClock, onError }: ListenOptions,
    kind: ListenerKind = {},
  ) {
    const bound = server.address();
    this.address =
      bound === null || typeof bound === "string" ? { path: bound ?? "" } : { host: bound.address, port: bound.port };
    this.#server = server;
    this.#clock = clock;
    server.on("error", (error) => onError?.(error));
    this.#attributesOf = kind.attributesOf ?? (() => noAttributes);
    server.on(kind.readyEvent ?? "connection", (socket: Socket) => {
      socket.on("error", () => {}); // until it is accepted, its errors are nobody's
      if (server.listening && this.#pending.size < maxPendingConnections) this.#pending.push(socket);
      else
        resetAndDestroy(
          socket,
          new Error(`more than maxPendingConnections (${maxPendingConnections}) wait to be accepted`),
        );
    });
  }

  /** The next connection, or `undefined` after `close`. One at a time. @throws BusyStreamError */
  async accept(options?: WaitOptions): Promise<ObjectStream<Uint8Array> | undefined> {
    const socket = await this.#pending.take(options);
    if (socket === undefined) return undefined;
    const attributes = "path" in this.address ? new Map([[localAddress, this.address]]) : this.#attributesOf(socket);
    return streamFromDuplex(socket, { clock: this.#clock, attributes });
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<ObjectStream<Uint8Array>, undefined> {
    return iterate(() => this.accept());
  }

  /** Frees the address; connections that nobody has accepted are reset, those that were accepted live on. Idempotent. */
  async close(): Promise<void> {
    this.#server.close();
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

/** Listens on a TCP port. @throws the system's error when the address cannot be bound, with its `code`, such as `EADDRINUSE` */
export async function listenTcp(options: TcpListenOptions = {}): Promise<SocketListener> {
  checkLimit(options);
  const { host = "127.0.0.1", port = 0 } = options;
  return new SocketListener(await bind({ host, port }), options);
}

/**
 * Listens on a Unix socket. The file is removed on `close`; one that a process left behind when it was killed is replaced.
 * @throws the system's error when the path cannot be bound, with its `code`, such as `EADDRINUSE` where somebody listens
 */
export async function listenUnix(path: string, options: ListenOptions = {}): Promise<SocketListener> {
  checkLimit(options);
  try {
    return new SocketListener(await bind({ path }), options);
  } catch (error) {
    if (!(await isAbandoned(path, error))) throw error;
    await rm(path, { force: true });
    return new SocketListener(await bind({ path }), options);
  }
}

export function checkLimit({ maxPendingConnections = 1 }: ListenOptions): void {
  if (!(maxPendingConnections >= 1))
    throw new RangeError(`maxPendingConnections must be at least 1, but is ${maxPendingConnections}`);
}

export function bind(
  where: NodeListenOptions,
  server: Server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }),
): Promise<Server> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(where, () => {
      server.off("error", reject);
      resolve(server);
    });
  });
}

/** True if the path could not be bound because of a socket that nobody listens on any more. */
async function isAbandoned(path: string, error: unknown): Promise<boolean> {
  if ((error as { code?: unknown }).code !== "EADDRINUSE") return false;
  if (!(await lstat(path)).isSocket()) return false; // to connect to any other file is refused as well
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once("connect", () => {
      probe.destroy();
      resolve(false);
    });
    probe.once("error", (refusal: Error & { code?: string }) => resolve(refusal.code === "ECONNREFUSED"));
  });
}
