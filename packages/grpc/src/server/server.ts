/** A server: services on addresses and connections. */
import type { Duplex } from "node:stream";
import type tls from "node:tls";
import {
  callObserver,
  checkOptionNames,
  isLoopback,
  optionNames,
  parseHostPort,
  parseUnixAddress,
  printAddress,
  type SocketAddress,
  TimerHeap,
  wholeNumber,
} from "@trunkline/base";
import type { SocketServer } from "@trunkline/h2/node";
import { type Clock, type CloseOptions, defaultCloseTimeoutMs } from "@trunkline/streams";
import {
  closeServer,
  createSocketServer,
  listenOnAll,
  listenOnSystemd,
  parseSystemdAddress,
  systemClock,
  TransportError,
  takeSystemdSockets,
} from "#platform";
import { checkedMessageBytes, understood } from "../call/defaults.js";
import { budgetFor, type MessageBudget } from "../call/message-budget.js";
import { closeOptionNames } from "../call/options.js";
import { type Carrier, duplexOf, isDuplex } from "../connection/carrier.js";
import { tellConnection } from "../connection/events.js";
import { keepaliveOptionNames, resolveServerLifetime, type ServerLifetimeOptions } from "../connection/lifetime.js";
import { checkedHttp2, defaultMaxReceiveMessageBytes, type Http2Options } from "../connection/options.js";
import { peerOf } from "../connection/peer.js";
import type { ServerCall } from "../contract/call.js";
import { type CallsExplanation, longestFirst } from "../contract/explanation.js";
import { checkedInterceptors } from "../hooks/chain.js";
import { CallerContext } from "../hooks/context.js";
import type { ServerInterceptor } from "../hooks/interceptor.js";
import { type DecodeOptions, resolveDecodeLimits } from "../service/codec.js";
import type { AnyService } from "../service/resolution.js";
import type { Compression, CompressionOption } from "../wire/compression.js";
import { asError, GrpcError } from "../wire/errors.js";
import { largestMessageBytes } from "../wire/message.js";
import { Status } from "../wire/status.js";
import { ServerConnection } from "./connection.js";
import { ConnectionLimit } from "./connection-limit.js";
import type { ServerCore } from "./core.js";
import type { Implementation } from "./handlers.js";
import { MethodTable, type ServiceOptions } from "./method-table.js";

export interface ServerOptions extends ServerLifetimeOptions, DecodeOptions {
  /**
   * The largest message that is received, in bytes, decompressed. Default 4,194,304: what every gRPC implementation
   * takes.
   */
  readonly maxReceiveMessageBytes?: number | undefined;
  /**
   * The largest message that is sent, in bytes, before compression; a larger one fails its call with
   * RESOURCE_EXHAUSTED. Default: no limit, as the receiver has one.
   */
  readonly maxSendMessageBytes?: number | undefined;
  /**
   * The compression of response messages, for clients that accept it; see `sendInitialMetadata` for single calls.
   * Default `"identity"`: none.
   */
  readonly compression?: CompressionOption | undefined;
  /**
   * The compressions that are understood in requests beside `gzip` and `deflate`, and may be named in `compression`. A
   * `Compression` that is given as `compression` is understood, too. Default: none.
   */
  readonly acceptCompressions?: readonly Compression[] | undefined;
  /**
   * The interceptors of all services, outside of a service's own; the first is the outermost. They see the calls of
   * methods that have a handler.
   */
  readonly interceptors?: readonly ServerInterceptor[] | undefined;
  /**
   * The number of calls that may run at once on one connection; more wait at the client. Default 1,000: enough for a
   * busy client, and a bound on what one can hold.
   */
  readonly maxConcurrentStreams?: number | undefined;
  /**
   * The number of connections of all addresses that the server listens on. At one more, a connection without a call is
   * closed in order; where all have calls, the new one is refused. Sockets that are in their handshake, or speak
   * HTTP/1.1, are not counted, but there are at most twice as many of all kinds on an address. Default 10,000: idle
   * connections take about 250 MB.
   */
  readonly maxConnections?: number | undefined;
  /**
   * Called with errors that clients are not told the text of: those of handlers that are no `GrpcError`, of replies
   * that could not be encoded, and of listening sockets that fail. Default: `console.error`.
   */
  readonly onError?: ((error: Error, call: ServerCall<{}, {}> | undefined) => void) | undefined;
  /**
   * The limit for request messages that have come in part, over all connections. Default: one budget of 256 MiB for all
   * servers and channels of the process.
   */
  readonly messageBudget?: MessageBudget | undefined;
  /** Settings and limits of the HTTP/2 connections. */
  readonly http2?: Http2Options | undefined;
  /** The clock of all waits. Default: the system's. */
  readonly clock?: Clock | undefined;
}

const serverOptionNames = optionNames<ServerOptions>({
  ...keepaliveOptionNames,
  maxConnectionAgeMs: true,
  maxConnectionAgeGraceMs: true,
  maxConnectionIdleMs: true,
  maxReceiveMessageBytes: true,
  maxSendMessageBytes: true,
  maxUnknownFields: true,
  maxNestedMessages: true,
  compression: true,
  acceptCompressions: true,
  interceptors: true,
  maxConcurrentStreams: true,
  maxConnections: true,
  onError: true,
  messageBudget: true,
  http2: true,
  clock: true,
});

export interface ServerListenOptions {
  /**
   * TLS with these options (`key`, `cert`, …); ALPN is set here. With `requestCert: true`, clients must show a
   * certificate that `ca` vouches for; `rejectUnauthorized: false` makes it optional, and `call.peer.tls.authorized`
   * tells. `updateTls` exchanges certificates later.
   */
  readonly tls?: tls.TlsOptions | undefined;
  /**
   * Called with the reason why a connection was refused: a TLS handshake that failed, a client certificate that is
   * missing or bad, `maxConnections`. Default: nothing is called.
   */
  readonly onRefused?: ((error: TransportError) => void) | undefined;
  /**
   * Called with each connection that begins as HTTP/1.1, as a WebSocket does; it belongs to the callback then, which
   * bounds its time. Default: such connections are refused.
   */
  readonly onHttp1?: ((socket: Duplex) => void) | undefined;
  /** Allows plaintext beyond loopback. Default false. */
  readonly plaintext?: boolean | undefined;
}

const listenOptionNames = optionNames<ServerListenOptions>({
  tls: true,
  onRefused: true,
  onHttp1: true,
  plaintext: true,
});

/** Options of `serve`. */
export interface ServeOptions {
  /**
   * True for a connection of a stranger, which takes one of the places of `maxConnections`, as those of the server's
   * addresses do. Default false.
   */
  readonly limited?: boolean | undefined;
}

const serveOptionNames = optionNames<ServeOptions>({ limited: true });

/** The time for clients to notice that a closing server has ended their calls. */
const lastWordsMs = 1_000;

export class Server implements AsyncDisposable {
  readonly #core: ServerCore;
  readonly #interceptors: readonly ServerInterceptor[];
  readonly #listeners: Set<SocketServer> = new Set();
  readonly #secureListeners: Set<SocketServer> = new Set();
  /** The calls of `listen` that are under way. */
  readonly #beginning: Set<Promise<void>> = new Set();
  readonly #connections: Set<ServerConnection> = new Set();
  readonly #limit: ConnectionLimit;
  readonly #closing: AbortController = new AbortController();
  #closed: Promise<void> | undefined;

  /**
   * @throws RangeError for a number out of its range, H2Error for one of `http2`, TypeError for a compression that is
   * not known
   */
  constructor(options: ServerOptions = {}) {
    checkOptionNames("Server", options, serverOptionNames);
    const { clock = systemClock, onError = logError } = options;
    const context = new CallerContext();
    this.#interceptors = checkedInterceptors(options.interceptors);
    this.#limit = new ConnectionLimit(wholeNumber("maxConnections", options.maxConnections ?? 10_000, 1));
    const { compression } = options;
    const compressions = understood(compression, options.acceptCompressions);
    this.#core = {
      methods: new MethodTable(),
      timers: new TimerHeap(clock, "watch"),
      clock,
      maxReceiveMessageBytes: checkedMessageBytes(
        "maxReceiveMessageBytes",
        options.maxReceiveMessageBytes,
        defaultMaxReceiveMessageBytes,
      ),
      maxSendMessageBytes: checkedMessageBytes("maxSendMessageBytes", options.maxSendMessageBytes, largestMessageBytes),
      messageBudget: budgetFor(options.messageBudget, clock),
      decodeLimits: resolveDecodeLimits(options),
      compression: compression === undefined ? undefined : compressions.resolve(compression),
      compressions,
      maxConcurrentStreams: wholeNumber("maxConcurrentStreams", options.maxConcurrentStreams ?? 1_000, 0, 2 ** 31 - 1),
      http2: checkedHttp2("server", options.http2),
      lifetime: resolveServerLifetime(options),
      context,
      onRejected: this.#rejection(),
      report(error, call) {
        // A hook for errors that fails has nobody left to tell.
        callObserver(() => context.run(onError, error, call));
      },
    };
  }

  /** Returns the function that tells the server's interceptors of requests that get no call. */
  #rejection(): ServerCore["onRejected"] {
    const wanting = this.#interceptors.filter(({ onRejected }) => onRejected !== undefined);
    if (wanting.length === 0) return undefined;
    return (request) => {
      for (const interceptor of wanting) {
        callObserver(
          () => this.#core.context.run(() => interceptor.onRejected?.(request)),
          (error) => this.#core.report(asError(error), undefined),
        );
      }
    };
  }

  /**
   * The signal that aborts when `close()` is called. A handler whose calls have no end of their own, such as one that
   * tells of changes, ends them when it fires; the server would wait for them, and then end them by force.
   */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /** Says what the calls wait for that the server has now, and on whom. It costs nothing until it is asked. */
  explain(): CallsExplanation {
    return longestFirst([...this.#connections].flatMap((connection) => connection.explain()));
  }

  /** The number of connections that there are. */
  get connections(): number {
    return this.#connections.size;
  }

  /** The descriptions of the services that were added, in their order. */
  get services(): readonly AnyService[] {
    return this.#core.methods.services;
  }

  /**
   * Serves a service. Handlers are called with `implementation` as `this`; a method without one answers UNIMPLEMENTED.
   * @throws TypeError for a service that was added already, an implementation without any of its methods, or a handler
   * that is none
   */
  add<const Service extends AnyService>(
    service: Service,
    implementation: Implementation<Service>,
    options: ServiceOptions = {},
  ): this {
    const interceptors = [...this.#interceptors, ...checkedInterceptors(options.interceptors)];
    this.#core.methods.add(service, implementation, { ...options, interceptors });
    return this;
  }

  /**
   * Listens on `"127.0.0.1:0"`, `"[::1]:0"`, `"[fe80::1%eth0]:0"`, `"host:port"`, `"unix:/path"` or, on Linux,
   * `"unix-abstract:name"`; may be called several times. `"localhost:port"` binds both of its addresses, 127.0.0.1 and
   * ::1, with the same port. Returns the bound address, which a `Channel` takes as its target. A Unix socket's file
   * that a killed process has left is replaced.
   *
   * `"systemd:"` takes all sockets that systemd has passed to the process and that are not taken yet, `"systemd:NAME"`
   * those with that `FileDescriptorName=`; of several, the addresses are returned with commas between them.
   * @throws TypeError for an address that is none, or beyond loopback with neither `tls` nor `plaintext: true`;
   * ListenError with the system's `code` when the address cannot be had; SocketPathError (a RangeError) for a Unix
   * socket's path that is longer than the system takes
   */
  async listen(address: string, options: ServerListenOptions = {}): Promise<string> {
    checkOptionNames("listen", options, listenOptionNames);
    if (this.#closed !== undefined) throw new Error("the server is closed");
    if (options.plaintext === true && options.tls !== undefined)
      throw new TypeError("a server listens with either tls or plaintext: true, not both");
    const systemd = typeof address === "string" ? parseSystemdAddress(address) : undefined;
    const listening =
      systemd === undefined ? this.#listenOn(address, options) : this.#listenOnPassed(systemd.name, options);
    const settled = listening.then(nothing, nothing);
    this.#beginning.add(settled);
    try {
      return await listening;
    } finally {
      this.#beginning.delete(settled);
    }
  }

  async #listenOn(address: string, options: ServerListenOptions): Promise<string> {
    const where = parseListenAddress(address);
    checkPrivacy(where, options);
    const path = "path" in where ? where.path : undefined;
    const create = (): SocketServer => this.#createListener(() => path, options);
    const { servers, bound } = await listenOnAll(create, where);
    await this.#keep(servers, printAddress(where), options);
    return printAddress(bound);
  }

  async #listenOnPassed(name: string | undefined, options: ServerListenOptions): Promise<string> {
    const servers: SocketServer[] = [];
    const addresses: string[] = [];
    try {
      for (const socket of takeSystemdSockets(name)) {
        let path: string | undefined;
        const server = this.#createListener(() => path, options);
        const bound = await listenOnSystemd(server, socket);
        servers.push(server);
        // The system tells the address of a passed socket once it listens, and accepts nothing before this is checked.
        if (bound !== undefined) checkPrivacy(bound, options);
        if (bound !== undefined && "path" in bound) path = bound.path;
        addresses.push(bound === undefined ? `systemd:${socket.name}` : printAddress(bound));
      }
    } catch (error) {
      await Promise.all(servers.map(closeServer));
      throw error;
    }
    await this.#keep(servers, addresses.join(","), options);
    return addresses.join(",");
  }

  #createListener(path: () => string | undefined, { tls, onRefused, onHttp1 }: ServerListenOptions): SocketServer {
    const { clock } = this.#core;
    const refused = (error: TransportError): void => {
      tellConnection("server", "failed", undefined, error);
      callObserver(() => onRefused?.(error));
    };
    const maxSockets = 2 * this.#limit.most;
    return createSocketServer({ tls, onRefused: refused, onHttp1, maxSockets, clock }, (socket) => {
      this.#place(socket, path(), refused);
    });
  }

  async #keep(listeners: readonly SocketServer[], bound: string, { tls }: ServerListenOptions): Promise<void> {
    if (this.#closed !== undefined) {
      await Promise.all(listeners.map(closeServer));
      throw new Error(`the server was closed while it began to listen on ${bound}`);
    }
    for (const listener of listeners) {
      listener.on("error", (error) => this.#core.report(error, undefined));
      this.#listeners.add(listener);
      if (tls !== undefined) this.#secureListeners.add(listener);
    }
  }

  /**
   * Takes new certificates, keys or authorities for the connections to come, on every address with TLS; those that
   * there are go on. An option that is not named stays as it was. @throws TypeError when no address has TLS, or when
   * the options cannot be used: then the old ones stay
   */
  updateTls(options: tls.SecureContextOptions): void {
    if (this.#secureListeners.size === 0) throw new TypeError("the server listens on no address with TLS");
    for (const listener of this.#secureListeners) listener.updateTls(options);
  }

  /**
   * Serves one connection that exists already, as it is: a duplex of Node or any stream of bytes, opened by
   * either side. Its security is the caller's concern. Resolves when it is over.
   * @throws TypeError for what is neither; nothing else
   */
  async serve(connection: Carrier, options: ServeOptions = {}): Promise<void> {
    checkOptionNames("serve", options, serveOptionNames);
    const duplex = isDuplex(connection) ? connection : await duplexOf(connection);
    const served = options.limited === true ? this.#place(duplex, undefined, nothing) : this.#accept(duplex, undefined);
    await served?.done;
  }

  /** Serves a connection if there is a place for it. */
  #place(
    duplex: Duplex,
    path: string | undefined,
    refused: (error: TransportError) => void,
  ): ServerConnection | undefined {
    if (!this.#limit.hasRoom()) {
      discard(duplex);
      const message = `as many connections as maxConnections (${this.#limit.most}) allows have calls`;
      refused(new TransportError("TOO_MANY_CONNECTIONS", message));
      return undefined;
    }
    const connection = this.#accept(duplex, path);
    if (connection === undefined) return undefined;
    this.#limit.add(connection);
    void connection.done.then(() => this.#limit.delete(connection));
    return connection;
  }

  /** Serves a connection; undefined where the server is closed. */
  #accept(duplex: Duplex, path: string | undefined): ServerConnection | undefined {
    if (this.#closed !== undefined) {
      discard(duplex);
      return undefined;
    }
    const connection = new ServerConnection(
      duplex,
      peerOf(duplex, path === undefined ? undefined : { path }),
      this.#core,
    );
    this.#connections.add(connection);
    void connection.done.then(() => this.#connections.delete(connection));
    return connection;
  }

  /**
   * Takes no more connections and calls, and lets those there are end; those that have not after `closeTimeoutMs`
   * (5,000) fail with UNAVAILABLE, their handlers' signals abort, and the connections are closed. Idempotent; never
   * rejects.
   */
  close(options: Pick<CloseOptions, "closeTimeoutMs"> = {}): Promise<void> {
    checkOptionNames("close", options, closeOptionNames);
    const timeoutMs = wholeNumber("closeTimeoutMs", options.closeTimeoutMs ?? defaultCloseTimeoutMs, 0);
    if (this.#closed === undefined) {
      this.#closed = this.#close(timeoutMs);
      this.#closing.abort(new GrpcError(Status.UNAVAILABLE, "the server is closing"));
    }
    return this.#closed;
  }

  async #close(timeoutMs: number): Promise<void> {
    const { clock, timers } = this.#core;
    const listenersClosed = Array.from(this.#listeners, closeServer);
    const connections = [...this.#connections];
    for (const connection of connections) connection.close();
    let cancel = clock.at(
      clock.nowMs() + timeoutMs,
      () => {
        for (const connection of connections)
          connection.abort(new GrpcError(Status.UNAVAILABLE, "the server is closing"));
        cancel = clock.at(
          clock.nowMs() + lastWordsMs,
          () => {
            for (const connection of connections) connection.destroy(new Error("the server is closed"));
          },
          "work",
        );
      },
      "work",
    );
    await Promise.all(connections.map((connection) => connection.done));
    await Promise.all([...listenersClosed, ...this.#beginning]);
    cancel();
    timers.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** @throws TypeError for an address beyond loopback with neither TLS nor permission for plaintext */
function checkPrivacy(where: SocketAddress, { tls, plaintext }: ServerListenOptions): void {
  if ("path" in where || isLoopback(where.host) || tls !== undefined || plaintext === true) return;
  throw new TypeError(
    `listening on ${printAddress(where)} without TLS would let others on the network read and change calls: ` +
      "give tls, or plaintext: true",
  );
}

/** @throws TypeError for text that is no address to listen on */
function parseListenAddress(address: string): SocketAddress {
  if (typeof address !== "string")
    throw new TypeError(`cannot listen on ${String(address)}: an address is text, such as "127.0.0.1:50051"`);
  const unix = parseUnixAddress(address);
  if (unix !== undefined) return unix;
  const parsed = parseHostPort(address);
  if (parsed?.port === undefined) {
    throw new TypeError(
      `cannot listen on ${JSON.stringify(address)}: use "host:port", with port 0 for any, or "unix:/path"`,
    );
  }
  return { host: parsed.host, port: parsed.port };
}

/** Closes a connection that is not served. */
function discard(duplex: Duplex): void {
  duplex.on("error", () => {});
  duplex.destroy();
}

function logError(error: Error, call: ServerCall<{}, {}> | undefined): void {
  console.error(call === undefined ? "a listening socket failed:" : `the handler of ${call.path} failed:`, error);
}

function nothing(): void {}
