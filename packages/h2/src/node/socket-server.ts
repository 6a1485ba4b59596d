/** Listens for HTTP/2: TCP and Unix sockets, with TLS where asked. It must not know what is served. */

import net from "node:net";
import tls from "node:tls";
import { type Clock, callObserver, checkOptionNames, optionNames } from "@trunkline/base";
import { createTlsServer, systemClock, TransportError, usableTls } from "@trunkline/base/node";
import { AcceptFilter } from "./accept-filter.js";
import { ProtocolSorter } from "./protocol-sorter.js";
import { alpnProtocol, http1HandshakeFailure, serverHandshakeFailure, serverTlsOptions } from "./tls.js";

/** Options of `createSocketServer`. */
export interface SocketServerOptions {
  /**
   * TLS with these options (`cert`, `key`, …). `ALPNProtocols` is set here; `minVersion` is by default TLS 1.2,
   * `ciphers` those that HTTP/2 allows, `handshakeTimeout` 10,000 ms. With `requestCert: true`, clients must show a
   * certificate that an authority of `ca` vouches for, unless `rejectUnauthorized: false` makes it optional;
   * `peerCertificate(socket)` says who they are.
   */
  readonly tls?: tls.TlsOptions | undefined;
  /**
   * Called with the reason for which a connection was not given to `onSocket`. Default: not reported, since a peer that
   * fails is no failure of the server.
   */
  readonly onRefused?: ((error: TransportError) => void) | undefined;
  /**
   * The sockets that may be open at once, in whatever state; one more is closed when it is accepted. Default: as many
   * as the system gives.
   */
  readonly maxSockets?: number | undefined;
  /**
   * Called with a connection that begins as HTTP/1.1, which belongs to the callback then: with TLS it was agreed by
   * ALPN or the client has none, without it the first byte is that of GET. Default: such connections are refused.
   */
  readonly onHttp1?: ((socket: net.Socket) => void) | undefined;
  /** The clock for the ten seconds that a plaintext connection has for its first byte. Default: real time. */
  readonly clock?: Clock | undefined;
}

const socketServerOptionNames = optionNames<SocketServerOptions>({
  tls: true,
  onRefused: true,
  maxSockets: true,
  onHttp1: true,
  clock: true,
});

/**
 * A `net.Server` whose certificates can be exchanged. Its `close` ends the handshakes that still go on; sockets that
 * were given to `onSocket` stay open.
 */
export interface SocketServer extends net.Server {
  /**
   * Sets certificates, keys or authorities for the connections to come; open connections go on. Options that are not
   * given stay as they were. Older sessions are not resumed.
   * @throws TypeError when the server has no TLS, or when the options cannot be used: then the old ones stay
   */
  updateTls(options: tls.SecureContextOptions): void;
}

/**
 * Makes a server that gives each socket to `onSocket` when its TLS handshake is done and good for HTTP/2 (RFC 9113
 * §9.2). A failed handshake ends that socket alone; where HTTP/2 is possible at all, the client is told why in a GOAWAY
 * (INADEQUATE_SECURITY).
 * @throws TypeError when the TLS options cannot be used
 */
export function createSocketServer(options: SocketServerOptions, onSocket: (socket: net.Socket) => void): SocketServer {
  checkOptionNames("createSocketServer", options, socketServerOptionNames);
  const server = createUnlimited(options, onSocket);
  const { maxSockets, onRefused } = options;
  if (maxSockets === undefined) return server;
  server.maxConnections = maxSockets;
  const reason = `as many sockets as the limit (${maxSockets}) allows are open`;
  // An error of the callback cannot be reported to anything else.
  return server.on("drop", () => callObserver(() => onRefused?.(new TransportError("TOO_MANY_CONNECTIONS", reason))));
}

function createUnlimited(options: SocketServerOptions, onSocket: (socket: net.Socket) => void): SocketServer {
  const { tls: secure, onRefused, onHttp1, clock = systemClock } = options;
  if (secure === undefined) {
    const updateTls = (): never => {
      throw new TypeError("this server has no TLS whose certificates could be exchanged");
    };
    if (onHttp1 === undefined)
      return Object.assign(net.createServer({ allowHalfOpen: true, noDelay: true }, onSocket), { updateTls });
    const sorter = new ProtocolSorter(onSocket, onHttp1, clock);
    const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => sorter.add(socket));
    const close = server.close.bind(server);
    return Object.assign(server, {
      updateTls,
      close(callback?: (error?: Error) => void): net.Server {
        close(callback);
        sorter.clear();
        return server;
      },
    }) as SocketServer;
  }
  const needsCertificate = Boolean(secure.requestCert) && secure.rejectUnauthorized !== false;
  const acceptFilter = new AcceptFilter();
  let current = serverTlsOptions(secure);
  const protocols = onHttp1 === undefined ? [alpnProtocol] : [alpnProtocol, "http/1.1"];
  const server = createTlsServer({
    tls: { ...current, ALPNProtocols: protocols },
    protocol: alpnProtocol,
    onRefused,
  });
  server.on("secureConnection", (socket) => {
    const isHttp1 = onHttp1 !== undefined && socket.alpnProtocol !== alpnProtocol;
    const failure = isHttp1
      ? http1HandshakeFailure(socket, needsCertificate)
      : serverHandshakeFailure(socket, needsCertificate);
    if (isHttp1 && failure === undefined) {
      onHttp1(socket);
      return;
    }
    if (failure === undefined) {
      socket.disableRenegotiation(); // RFC 9113 §9.2.1
      onSocket(socket);
      return;
    }
    server.refuse(socket, failure.code, failure.message);
    if (isHttp1) socket.on("error", () => {}).destroy();
    else acceptFilter.reject(socket, failure.message);
  });
  const close = server.close.bind(server);
  return Object.assign(server, {
    updateTls(changed: tls.SecureContextOptions): void {
      const next = serverTlsOptions({ ...current, ...changed });
      // First by itself: a server whose new context cannot be made would keep half of the new options.
      usableTls(() => tls.createSecureContext(next));
      server.setSecureContext(next);
      current = next;
    },
    close(callback?: (error?: Error) => void): typeof server {
      close(callback);
      acceptFilter.clear();
      return server;
    },
  });
}
