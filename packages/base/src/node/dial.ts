/** Connects to TCP and Unix sockets, with TLS where asked: the only place of trunkline that dials. */
import net from "node:net";
import tls from "node:tls";
import { type AbortSignalLike, abortReason, onAbort } from "../abort.js";
import { printAddress, type SocketAddress, withoutZone } from "../address.js";
import type { Clock } from "../clock.js";
import { type Attempt, connectFirst } from "../connect-first.js";
import { durationMs, wholeNumber } from "../whole-number.js";
import { interleaved, type Lookup, type LookupResult, systemLookup } from "./lookup.js";
import { checkSocketPath } from "./socket-path.js";
import { handshake, protocolOf } from "./start-tls.js";
import { systemClock } from "./system-clock.js";
import { decisive, systemFailure } from "./system-failure.js";
import { unusableTls } from "./tls-failure.js";
import { TransportError, type TransportErrorCode } from "./transport-error.js";

/** Options of `dialSocket` and `dialTls`. */
export interface DialSocketOptions {
  /** Cancels; the promise rejects with its reason. */
  readonly signal?: AbortSignalLike | undefined;
  /**
   * The time for everything: the lookup, all attempts, the TLS handshake. Default 20,000 ms, as other gRPC clients
   * wait.
   */
  readonly connectTimeoutMs?: number | undefined;
  /** Keeps the socket's own half open when the peer ends its half. Default false, as in Node. */
  readonly allowHalfOpen?: boolean | undefined;
  /** The clock for `connectTimeoutMs` and for the attempts. Default: real time. */
  readonly clock?: Clock | undefined;
  /** The lookup of names. Default: the system's. */
  readonly lookup?: Lookup | undefined;
}

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
  readonly #allowHalfOpen: boolean;
  readonly #clock: Clock;
  readonly #lookup: Lookup;
  /** Cancels what is going on: attempts or the handshake. */
  #cancel: () => void = () => {};

  constructor(address: SocketAddress, options: DialSocketOptions) {
    const { signal, connectTimeoutMs = 20_000, allowHalfOpen = false, clock = systemClock } = options;
    if ("path" in address) checkSocketPath(address.path);
    else wholeNumber("port", address.port, 0, 65_535);
    this.#address = address;
    this.#signal = signal;
    this.#timeoutMs = durationMs("connectTimeoutMs", connectTimeoutMs, 1);
    this.#allowHalfOpen = allowHalfOpen;
    this.#clock = clock;
    this.#lookup = options.lookup ?? systemLookup;
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
    return await handshake(this.secured, printAddress(this.#address), this.protocol);
  }

  #open(): Promise<net.Socket> {
    const address = this.#address;
    return new Promise((resolve, reject) => {
      let cancelled = false;
      this.#cancel = () => {
        cancelled = true;
      };
      const attempt: Attempt<net.NetConnectOpts, net.Socket> = (to, onConnected, onFailed) =>
        attemptSocket({ ...to, allowHalfOpen: this.#allowHalfOpen }, onConnected, onFailed);
      const start = (targets: readonly net.NetConnectOpts[]): void => {
        this.#cancel = connectFirst(targets, attempt, this.#clock, {
          onConnected: (socket) => {
            this.#cancel = () => socket.destroy();
            resolve(socket);
          },
          onFailed: (errors) => reject(this.#systemFailure(errors)),
        });
      };
      if ("path" in address) {
        start([{ path: address.path }]);
        return;
      }
      const { host, port } = address;
      this.#lookup(host, (error: Error | null, found: readonly LookupResult[]) => {
        if (cancelled) return;
        if (error !== null) reject(this.#systemFailure([error]));
        else start(interleaved(found).map((each) => ({ host: each.address, port, noDelay: true })));
      });
    });
  }

  #timeout(): TransportError {
    const [code, text] =
      this.secured === undefined
        ? (["CONNECT_TIMEOUT", "no answer"] as const)
        : (["HANDSHAKE_TIMEOUT", "the TLS handshake did not end"] as const);
    return this.#failure(code, `${text} within connectTimeoutMs (${this.#timeoutMs})`);
  }

  #failure(code: TransportErrorCode, text: string, cause?: Error): TransportError {
    return new TransportError(code, `cannot connect to ${printAddress(this.#address)}: ${text}`, { cause });
  }

  #systemFailure(errors: readonly (Error & { code?: string })[]): TransportError {
    return this.#failure(...systemFailure(errors), decisive(errors));
  }
}

function attemptSocket(
  to: net.NetConnectOpts,
  onConnected: (socket: net.Socket) => void,
  onFailed: (error: Error) => void,
): () => void {
  const socket = net.connect(to);
  const connected = (): void => {
    socket.off("close", closed);
    onConnected(socket);
  };
  const closed = (): void => failed(new Error("the connection was closed before it was made"));
  const failed = (error: Error): void => {
    socket.off("connect", connected).off("close", closed).off("error", failed);
    onFailed(error);
  };
  // The listener that does nothing stays: an error before the next user listens must not end the process.
  socket
    .once("connect", connected)
    .once("close", closed)
    .once("error", failed)
    .on("error", () => {});
  return () => {
    socket.off("connect", connected).off("close", closed).off("error", failed);
    socket.destroy();
  };
}
