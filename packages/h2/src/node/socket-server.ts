/** Listens for HTTP/2: TCP and Unix sockets, with TLS where asked. It must not know what is served. */
import net from "node:net";
import tls from "node:tls";
import { printHostPort } from "@trunkline/base";
import { TransportError, tlsFailure, unusableTls } from "@trunkline/base/node";
import { AcceptFilter } from "./accept-filter.js";
import { alpnProtocol, serverHandshakeFailure, serverTlsOptions } from "./tls.js";

export interface SocketServerOptions {
  /**
   * TLS with these options (`cert`, `key`, …). `ALPNProtocols` is set here; `minVersion` is by default TLS 1.2,
   * `ciphers` those that HTTP/2 allows, `handshakeTimeout` 10,000 ms. With `requestCert: true`, clients must show a
   * certificate that an authority of `ca` vouches for, unless `rejectUnauthorized: false` makes it optional;
   * `peerCertificate(socket)` says who they are.
   */
  readonly tls?: tls.TlsOptions | undefined;
  /**
   * Hears why a connection was not given to `onSocket`. Default: nobody; a peer that fails is no failure of the server.
   */
  readonly onRefused?: ((error: TransportError) => void) | undefined;
}

/**
 * A `net.Server` whose certificates can be exchanged. Its `close` ends handshakes that still go on; sockets that were
 * given out are their users'.
 */
export interface SocketServer extends net.Server {
  /**
   * New certificates, keys or authorities for the connections to come; those that there are go on. What `options` does
   * not name stays as it was. Sessions of before are not resumed.
   * @throws TypeError when the server has no TLS, or when the options cannot be used: then the old ones stay
   */
  updateTls(options: tls.SecureContextOptions): void;
}

/**
 * A server that gives each socket, its TLS handshake done and good for HTTP/2 (RFC 9113 §9.2), to `onSocket`. A failed
 * handshake ends that socket alone; where HTTP/2 is possible at all, the client is told why in a GOAWAY
 * (INADEQUATE_SECURITY).
 * @throws TypeError when the TLS options cannot be used
 */
export function createSocketServer(options: SocketServerOptions, onSocket: (socket: net.Socket) => void): SocketServer {
  const { tls: secure, onRefused = () => {} } = options;
  if (secure === undefined) {
    const updateTls = (): never => {
      throw new TypeError("this server has no TLS whose certificates could be exchanged");
    };
    return Object.assign(net.createServer({ allowHalfOpen: true, noDelay: true }, onSocket), { updateTls });
  }
  const needsCertificate = Boolean(secure.requestCert) && secure.rejectUnauthorized !== false;
  const acceptFilter = new AcceptFilter();
  let closing = false;
  const refuse = (socket: net.Socket, failure: TransportError): void => {
    if (closing) return;
    try {
      onRefused(refusal(socket, failure));
    } catch {
      // A hook for errors that fails has nobody left to tell.
    }
  };
  let current = serverTlsOptions(secure);
  const server = usable(() =>
    tls.createServer(current, (socket) => {
      acceptFilter.passed(socket);
      const failure = serverHandshakeFailure(socket, needsCertificate);
      if (failure === undefined) {
        socket.disableRenegotiation(); // RFC 9113 §9.2.1
        onSocket(socket);
        return;
      }
      refuse(socket, failure);
      acceptFilter.reject(socket, failure.message);
    }),
  );
  server.on("connection", (socket) => acceptFilter.arrived(socket));
  server.on("tlsClientError", (cause, socket) => {
    socket.destroy();
    const [code, text] = tlsFailure(cause, "client", alpnProtocol) ?? ["TLS_FAILED", cause.message];
    refuse(socket, new TransportError(code, text, { cause }));
  });
  const stopListening = server.close.bind(server);
  return Object.assign(server, {
    updateTls(changed: tls.SecureContextOptions): void {
      const next = serverTlsOptions({ ...current, ...changed });
      // First by itself: a server whose new context cannot be made would keep half of the new options.
      usable(() => tls.createSecureContext(next));
      server.setSecureContext(next);
      current = next;
    },
    close(callback?: (error?: Error) => void): typeof server {
      closing = true;
      stopListening(callback);
      acceptFilter.clear();
      return server;
    },
  });
}

function usable<T>(make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw unusableTls(error);
  }
}

/** Puts the peer's address into the message; `socket` knows it only as long as it is open. */
function refusal({ remoteAddress, remotePort }: net.Socket, { code, message, cause }: TransportError): TransportError {
  const from = remoteAddress === undefined ? "" : ` from ${printHostPort(remoteAddress, remotePort ?? 0)}`;
  return new TransportError(code, `a connection${from} was refused: ${message}`, { cause: cause as Error | undefined });
}
