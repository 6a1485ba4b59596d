/**
 * A server with TLS whose handshakes are bounded, reported when they fail, and ended when it closes. This file must not
 * know what is served.
 */

import type net from "node:net";
import tls from "node:tls";
import { printHostPort } from "../address.js";
import { callObserver } from "../observer.js";
import { checkOptionNames, optionNames } from "../option-names.js";
import { tlsFailure, unusableTls } from "./tls-failure.js";
import { TransportError, type TransportErrorCode } from "./transport-error.js";

/** Options of `createTlsServer`. */
export interface TlsServerOptions {
  /** The options of `tls.createServer`. */
  readonly tls: tls.TlsOptions;
  /** The application protocol (ALPN) that clients must speak, for messages. */
  readonly protocol?: string | undefined;
  /** The most handshakes at once, and the name of the option that says so; one more is reset. Default: no limit. */
  readonly handshakeLimit?: { readonly name: string; readonly count: number } | undefined;
  /**
   * Called with the reason for which a connection was refused. Default: not reported, since the server is not at fault.
   */
  readonly onRefused?: ((error: TransportError) => void) | undefined;
}

const tlsServerOptionNames = optionNames<TlsServerOptions>({
  tls: true,
  protocol: true,
  handshakeLimit: true,
  onRefused: true,
});

/** A TLS server; it emits `secureConnection` for each finished handshake. */
export interface TlsServer extends tls.Server {
  /**
   * Reports the refusal of a connection, unless the server is closing. `socket` knows its peer only while it is open.
   */
  refuse(socket: net.Socket, code: TransportErrorCode, reason: string, cause?: Error): void;
}

/**
 * Makes a TLS server. Its `close` ends the handshakes that still go on, since no user knows their sockets.
 * @throws TypeError when the TLS options cannot be used
 */
export function createTlsServer(options: TlsServerOptions): TlsServer {
  checkOptionNames("createTlsServer", options, tlsServerOptionNames);
  const { protocol, handshakeLimit, onRefused = () => {} } = options;
  const handshakes = new Handshakes();
  let closing = false;
  const server = usableTls(() => tls.createServer(options.tls));
  const stopListening = server.close.bind(server);
  const refuse = (socket: net.Socket, code: TransportErrorCode, reason: string, cause?: Error): void => {
    if (closing) return;
    const { remoteAddress, remotePort } = socket;
    const from = remoteAddress === undefined ? "" : ` from ${printHostPort(remoteAddress, remotePort ?? 0)}`;
    // An error of the callback cannot be reported to anything else.
    callObserver(() => onRefused(new TransportError(code, `a connection${from} was refused: ${reason}`, { cause })));
  };
  // Before the server's own listener begins the handshake.
  server.prependListener("connection", (socket: net.Socket) => {
    handshakes.add(socket);
    if (handshakeLimit === undefined || handshakes.size <= handshakeLimit.count) return;
    const { name, count } = handshakeLimit;
    refuse(socket, "TOO_MANY_HANDSHAKES", `as many connections as ${name} (${count}) allows are in the handshake`);
    socket.on("error", () => {});
    if (socket.remoteFamily === undefined) socket.destroy();
    else socket.resetAndDestroy();
  });
  server.prependListener("secureConnection", (socket) => handshakes.finished(socket));
  server.on("tlsClientError", (cause, socket) => {
    const [code, text] = tlsFailure(cause, "client", protocol) ?? (["TLS_FAILED", cause.message] as const);
    refuse(socket, code, text, cause);
    socket.destroy();
  });
  return Object.assign(server, {
    refuse,
    close(callback?: (error?: Error) => void): tls.Server {
      closing = true;
      stopListening(callback);
      handshakes.end();
      return server;
    },
  });
}

/** Calls `make`. @throws TypeError when the TLS options that it uses cannot be used */
export function usableTls<T>(make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw unusableTls(error);
  }
}

/** The sockets whose handshakes go on. */
class Handshakes {
  readonly #sockets: Set<net.Socket> = new Set();

  get size(): number {
    return this.#sockets.size;
  }

  add(socket: net.Socket): void {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
  }

  /** Removes the socket below `secured`, to which Node has no public way. */
  finished(secured: tls.TLSSocket): void {
    const { _parent: below } = secured as tls.TLSSocket & { readonly _parent?: net.Socket };
    if (below !== undefined) this.#sockets.delete(below);
  }

  /** Ends all handshakes at once. */
  end(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}
