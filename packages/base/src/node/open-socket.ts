/** Opens sockets, to one address or through a proxy. This file must not know limits of time. */
import { Buffer } from "node:buffer";
import net from "node:net";
import tls from "node:tls";
import { printHostPort, type SocketAddress, type TcpAddress, withoutZone } from "../address.js";
import type { Clock } from "../clock.js";
import { type Attempt, connectFirst } from "../connect-first.js";
import { proxyHandshake } from "../proxy/handshake.js";
import { type ProxyServer, printProxy, resolvesNames } from "../proxy/proxy.js";
import type { HandshakeStep, ProxyFailure, ProxyHandshake } from "../proxy/step.js";
import { reasonText } from "../reason-text.js";
import { interleaved, type Lookup, type LookupResult } from "./lookup.js";
import { handshake as finishTls } from "./start-tls.js";
import { decisive, systemFailure } from "./system-failure.js";
import { TransportError } from "./transport-error.js";

/** Options of opening a socket. */
export interface OpenSocketOptions {
  readonly allowHalfOpen: boolean;
  readonly clock: Clock;
  readonly lookup: Lookup;
  /** The TLS options of the connection to a proxy over TLS. */
  readonly proxyTls: tls.ConnectionOptions | undefined;
}

/** A socket in the making. Its failure is a `TransportError` whose message does not name the target. */
export interface Opening {
  readonly socket: Promise<net.Socket>;
  /** Stops everything; `socket` then stays pending. */
  cancel(): void;
}

/** Opens a socket to the address; all addresses of a name are tried. */
export function openSocket(address: SocketAddress, options: OpenSocketOptions): Opening {
  const { allowHalfOpen } = options;
  if ("path" in address)
    return openFirst(address.path, [{ path: address.path, allowHalfOpen }], attemptSocket, options);
  const { host, port } = address;
  const target = (each: string): net.NetConnectOpts => ({ host: each, port, noDelay: true, allowHalfOpen });
  return openFirst<net.NetConnectOpts>(host, target, attemptSocket, options);
}

/** Opens a connection to the address through a proxy, which resolves its name unless that is for this side. */
export function openThroughProxy(proxy: ProxyServer, { host, port }: TcpAddress, options: OpenSocketOptions): Opening {
  const attempt: Attempt<TcpAddress, net.Socket> = (target, onConnected, onFailed) => {
    const tunnel = new Tunnel(proxy, target, options);
    tunnel.open().then(onConnected, onFailed);
    return () => tunnel.cancel();
  };
  if (resolvesNames(proxy)) return openFirst(host, [{ host, port }], attempt, options);
  return openFirst<TcpAddress>(host, (each) => ({ host: each, port }), attempt, options);
}

/** Tries the targets, or what is made of the addresses of a host. */
function openFirst<Target>(
  host: string,
  targets: readonly Target[] | ((address: string) => Target),
  attempt: Attempt<Target, net.Socket>,
  { clock, lookup }: OpenSocketOptions,
): Opening {
  let cancel = (): void => {};
  let cancelled = false;
  const socket = new Promise<net.Socket>((resolve, reject) => {
    const start = (all: readonly Target[]): void => {
      cancel = connectFirst(all, attempt, clock, {
        onConnected: (opened) => {
          cancel = () => opened.destroy();
          resolve(opened);
        },
        onFailed: (errors) => reject(failureOf(errors)),
      });
    };
    if (typeof targets !== "function") {
      start(targets);
      return;
    }
    lookup(host, (error: Error | null, found: readonly LookupResult[]) => {
      if (cancelled) return;
      if (error !== null) reject(failureOf([error]));
      else start(interleaved(found).map((each) => targets(each.address)));
    });
  });
  return {
    socket,
    cancel: () => {
      cancelled = true;
      cancel();
    },
  };
}

/** Joins the failures of all attempts. Those of a proxy are told as they are. */
function failureOf(errors: readonly Error[]): TransportError {
  const ofProxy = errors.filter(TransportError.is);
  const [first] = ofProxy;
  if (first !== undefined) {
    const text = [...new Set(ofProxy.map(({ message }) => message))].join("; ");
    return new TransportError(first.code, text, { cause: first.cause as Error | undefined });
  }
  return new TransportError(...systemFailure(errors), { cause: decisive(errors) });
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

/** The time for the page of a proxy that has refused, before the error goes without it. */
const refusalTextMs = 1_000;

/** One connection through a proxy. */
class Tunnel {
  readonly #proxy: ProxyServer;
  readonly #handshake: ProxyHandshake;
  readonly #options: OpenSocketOptions;
  #cancel: () => void = () => {};
  #cancelled = false;

  constructor(proxy: ProxyServer, target: TcpAddress, options: OpenSocketOptions) {
    this.#proxy = proxy;
    this.#options = options;
    this.#handshake = proxyHandshake(proxy, target);
  }

  cancel(): void {
    this.#cancelled = true;
    this.#cancel();
  }

  async open(): Promise<net.Socket> {
    const socket = await this.#connect();
    this.#cancel = () => socket.destroy();
    if (this.#cancelled) socket.destroy();
    return await this.#ask(socket);
  }

  /** Connects to the proxy itself. */
  async #connect(): Promise<net.Socket> {
    const { host, port, protocol } = this.#proxy;
    const opening = openSocket({ host, port }, this.#options);
    this.#cancel = () => opening.cancel();
    try {
      const socket = await opening.socket;
      if (protocol !== "https" || this.#cancelled) return socket;
      const name = withoutZone(host);
      const secure = { host: name, ...(net.isIP(name) === 0 ? { servername: name } : {}), ...this.#options.proxyTls };
      const secured = tls.connect({ ...secure, ALPNProtocols: ["http/1.1"], socket });
      this.#cancel = () => secured.destroy();
      return await finishTls(secured, printHostPort(host, port), "http/1.1");
    } catch (error) {
      const prefix = `cannot connect to ${printHostPort(host, port)}: `;
      const text = reasonText(error).replace(prefix, "");
      const { cause } = error as Error;
      throw this.#error("PROXY_UNREACHABLE", `cannot be reached: ${text}`, cause as Error | undefined);
    }
  }

  /** Asks the proxy for the connection. Bytes that have come behind its answer stay in the socket. */
  #ask(socket: net.Socket): Promise<net.Socket> {
    return new Promise((resolve, reject) => {
      let disarm = (): void => {};
      const settle = (failure?: ProxyFailure, cause?: Error): void => {
        disarm();
        socket.off("readable", onReadable).off("end", onEnd).off("close", onEnd).off("error", onError);
        if (failure === undefined) {
          resolve(socket);
          return;
        }
        socket.destroy();
        reject(this.#error(failure.code, failure.text, cause));
      };
      const onEnd = (): void => settle(this.#handshake.end());
      const onError = (error: Error): void => {
        const failure = this.#handshake.end();
        settle({ ...failure, text: `${failure.text} (${error.message})` }, error);
      };
      const onStep = (step: HandshakeStep): void => {
        if (step.kind === "failed") settle(step.failure);
        else if (step.kind === "more") {
          if (step.send !== undefined) socket.write(step.send);
        } else if (step.kind === "open") {
          settle();
          if (step.rest.length > 0) socket.unshift(Buffer.from(step.rest));
        } else {
          const { clock } = this.#options;
          disarm();
          disarm = clock.at(clock.nowMs() + refusalTextMs, onEnd, "watch");
        }
      };
      const onReadable = (): void => {
        const bytes = socket.read() as Uint8Array | null;
        if (bytes !== null) onStep(this.#handshake.receive(bytes));
      };
      socket.on("error", () => {});
      socket.on("readable", onReadable).on("end", onEnd).on("close", onEnd).on("error", onError);
      socket.write(this.#handshake.begin());
    });
  }

  #error(code: TransportError["code"], text: string, cause?: Error): TransportError {
    return new TransportError(code, `the proxy ${printProxy(this.#proxy)} ${text}`, { cause });
  }
}
