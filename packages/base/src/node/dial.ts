/** Connects to TCP and Unix sockets, with TLS where asked: the only place of trunkline that dials. */

import net from "node:net";
import tls from "node:tls";
import { type AbortSignalLike, abortReason, onAbort } from "../abort.js";
import { printAddress, type SocketAddress, withoutZone } from "../address.js";
import type { Clock } from "../clock.js";
import { checkOptionNames, optionNames } from "../option-names.js";
import { type ProxyServer, printProxy } from "../proxy/proxy.js";
import { durationMs, wholeNumber } from "../whole-number.js";
import { type Lookup, systemLookup } from "./lookup.js";
import { type OpenSocketOptions, openSocket, openThroughProxy } from "./open-socket.js";
import { checkSocketPath } from "./socket-path.js";
import { handshake, protocolOf } from "./start-tls.js";
import { systemClock } from "./system-clock.js";
import { unusableTls } from "./tls-failure.js";
import { TransportError, type TransportErrorCode } from "./transport-error.js";

/** Options of `dialSocket` and `dialTls`. */
export interface DialSocketOptions {
  /** Cancels; the promise rejects with its reason. */
  readonly signal?: AbortSignalLike | undefined;
  /**
   * The time for everything: the lookup, all attempts, the answer of a proxy, the TLS handshake. Default 20,000 ms, as
   * other gRPC clients wait.
   */
  readonly connectTimeoutMs?: number | undefined;
  /** Keeps the socket's own half open when the peer ends its half. Default false, as in Node. */
  readonly allowHalfOpen?: boolean | undefined;
  /** The clock for `connectTimeoutMs` and for the attempts. Default: real time. */
  readonly clock?: Clock | undefined;
  /** The lookup of names. Default: the system's. */
  readonly lookup?: Lookup | undefined;
  /** The proxy through which the connection goes. Default: none. `parseProxy` makes one of a URL. */
  readonly proxy?: ProxyServer | undefined;
  /** TLS options (`ca`, …) of the connection to a proxy whose URL begins with `https`. Default: those of Node. */
  readonly proxyTls?: tls.ConnectionOptions | undefined;
}

const dialSocketOptionNames = optionNames<DialSocketOptions>({
  signal: true,
  connectTimeoutMs: true,
  allowHalfOpen: true,
  clock: true,
  lookup: true,
  proxy: true,
  proxyTls: true,
});

/**
 * Connects to a TCP or Unix socket. All addresses of a name are tried, a slow one beside the next (`connectFirst`).
 * Small writes go out at once (no Nagle). An `error` of the socket that comes before its user listens is not thrown.
 * @throws TransportError that names the address and the reason, with a code for programs
 * @throws SocketPathError for a Unix socket's path that is too long, RangeError for a port or a time out of its range
 * @throws the signal's reason when it aborts
 */
export async function dialSocket(address: SocketAddress, options: DialSocketOptions = {}): Promise<net.Socket> {
  return await new Dialling(address, options).run();
}

/**
 * Connects as `dialSocket` does, and then with TLS; resolves when the server's certificate was found valid. The server
 * name is the address's host, unless `secure.servername` gives another.
 * @throws as `dialSocket`; TypeError for TLS options that cannot be used
 */
export async function dialTls(
  address: SocketAddress,
  secure: tls.ConnectionOptions,
  options: DialSocketOptions = {},
): Promise<tls.TLSSocket> {
  let secureContext: tls.SecureContext;
  try {
    secureContext = secure.secureContext ?? tls.createSecureContext(secure);
  } catch (error) {
    throw unusableTls(error);
  }
  const dialling = new Dialling(address, options);
  dialling.protocol = protocolOf(secure);
  await dialling.run((socket) => tls.connect({ ...serverName(address), ...secure, secureContext, socket }));
  return dialling.secured as tls.TLSSocket;
}

/** Returns the options by which the server's certificate is compared with the address. */
function serverName(address: SocketAddress): tls.ConnectionOptions {
  if ("path" in address) return {};
  const host = withoutZone(address.host);
  return net.isIP(host) === 0 ? { host, servername: host } : { host };
}

class Dialling {
  /** The socket of TLS after `run` has resolved. */
  secured: tls.TLSSocket | undefined;
  /** The application protocol (ALPN) that is asked for, where it is one. */
  protocol: string | undefined;
  readonly #address: SocketAddress;
  readonly #signal: AbortSignalLike | undefined;
  readonly #timeoutMs: number;
  readonly #clock: Clock;
  readonly #proxy: ProxyServer | undefined;
  readonly #options: OpenSocketOptions;
  /** True once the connection is there, through the proxy where there is one. */
  #isOpen = false;
  /** Cancels what is going on: attempts or the handshake. */
  #cancel: () => void = () => {};

  constructor(address: SocketAddress, options: DialSocketOptions) {
    checkOptionNames("a connection", options, dialSocketOptionNames);
    const { signal, connectTimeoutMs = 20_000, allowHalfOpen = false, clock = systemClock } = options;
    if ("path" in address) checkSocketPath(address.path);
    else wholeNumber("port", address.port, 0, 65_535);
    this.#address = address;
    this.#signal = signal;
    this.#timeoutMs = durationMs("connectTimeoutMs", connectTimeoutMs, 1);
    this.#clock = clock;
    this.#proxy = options.proxy;
    if (this.#proxy !== undefined && "path" in address) throw new TypeError("a Unix socket has no proxy");
    this.#options = { allowHalfOpen, clock, lookup: options.lookup ?? systemLookup, proxyTls: options.proxyTls };
  }

  async run(secure?: (socket: net.Socket) => tls.TLSSocket): Promise<net.Socket> {
    const signal = this.#signal;
    if (signal?.aborted) throw abortReason(signal);
    let givenUp: { readonly error: unknown } | undefined;
    let forget = (): void => {};
    let disarm = (): void => {};
    // Both are watched until the end: the first of them decides, and cancels the rest.
    const limited = new Promise<never>((_, reject) => {
      const giveUp = (error: unknown): void => {
        givenUp = { error };
        this.#cancel();
        reject(error);
      };
      if (signal !== undefined) forget = onAbort(signal, () => giveUp(abortReason(signal)));
      if (this.#timeoutMs !== Number.POSITIVE_INFINITY) {
        disarm = this.#clock.at(this.#clock.nowMs() + this.#timeoutMs, () => giveUp(this.#timeout()), "watch");
      }
    });
    try {
      const socket = await Promise.race([this.#connect(secure), limited]);
      // In the same turn as the connection, the limit may have come between the event and this line.
      if (givenUp !== undefined) {
        socket.destroy();
        throw givenUp.error;
      }
      return socket;
    } finally {
      disarm();
      forget();
    }
  }

  async #connect(secure: ((socket: net.Socket) => tls.TLSSocket) | undefined): Promise<net.Socket> {
    const socket = await this.#open();
    if (secure === undefined) return socket;
    this.secured = secure(socket);
    this.#cancel = () => this.secured?.destroy();
    return await handshake(this.secured, this.#name(), this.protocol);
  }

  async #open(): Promise<net.Socket> {
    const address = this.#address;
    const opening =
      this.#proxy === undefined || "path" in address
        ? openSocket(address, this.#options)
        : openThroughProxy(this.#proxy, address, this.#options);
    this.#cancel = () => opening.cancel();
    try {
      const socket = await opening.socket;
      this.#isOpen = true;
      return socket;
    } catch (error) {
      if (!TransportError.is(error)) throw error;
      throw this.#failure(error.code, error.message, error.cause as Error | undefined);
    }
  }

  #timeout(): TransportError {
    const [code, text] = this.#awaited();
    return this.#failure(code, `${text} within connectTimeoutMs (${this.#timeoutMs})`);
  }

  /** Returns the address for messages, once it is reached with the proxy between. */
  #name(): string {
    const name = printAddress(this.#address);
    return this.#isOpen && this.#proxy !== undefined ? `${name} through the proxy ${printProxy(this.#proxy)}` : name;
  }

  /** Returns the code and the text for the step that does not end. */
  #awaited(): readonly [code: TransportErrorCode, text: string] {
    if (this.#isOpen) return ["HANDSHAKE_TIMEOUT", "the TLS handshake did not end"];
    if (this.#proxy === undefined) return ["CONNECT_TIMEOUT", "no answer"];
    return ["PROXY_TIMEOUT", `no answer of the proxy ${printProxy(this.#proxy)}`];
  }

  #failure(code: TransportErrorCode, text: string, cause?: Error): TransportError {
    return new TransportError(code, `cannot connect to ${this.#name()}: ${text}`, { cause });
  }
}
