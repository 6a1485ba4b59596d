/** Listening for HTTP/2: TCP and Unix sockets, with TLS where asked. It must not know what is served. */
import net from "node:net";
import tls from "node:tls";
import { Connection } from "../connection/connection.js";
import type { ConnectionHandler } from "../connection/handler.js";
import { ErrorCode } from "../error-code.js";
import { ConnectionDriver } from "./driver.js";
import { unusableTls } from "./sockets.js";
import { serverHandshakeFailure, serverTlsOptions } from "./tls.js";
import { tlsFailure } from "./tls-failure.js";
import { duplexTransport } from "./transport.js";
import { TransportError } from "./transport-error.js";

export interface SocketServerOptions {
  /**
   * TLS with these options (`cert`, `key`, …). `ALPNProtocols` is set here; `minVersion` is by default TLS 1.2, `ciphers` those that HTTP/2
   * allows, `handshakeTimeout` 10,000 ms. With `requestCert: true`, clients must show a certificate that an authority of `ca` vouches for,
   * unless `rejectUnauthorized: false` makes it optional; `peerCertificate(socket)` says who they are.
   */
  readonly tls?: tls.TlsOptions | undefined;
  /** Hears why a connection was not given to `onSocket`. Default: nobody; a peer that fails is no failure of the server. */
  readonly onRefused?: ((error: TransportError) => void) | undefined;
}

/** A `net.Server` whose certificates can be exchanged. */
export interface SocketServer extends net.Server {
  /**
   * New certificates, keys or authorities for the connections to come; those that there are go on. What `options` does not name stays as
   * it was. Sessions of before are not resumed.
   * @throws TypeError when the server has no TLS, or when the options cannot be used: then the old ones stay
   */
  updateTls(options: tls.SecureContextOptions): void;
}

/**
 * A server that gives each socket, its TLS handshake done and good for HTTP/2 (RFC 9113 §9.2), to `onSocket`. A failed handshake ends that
 * socket alone; where HTTP/2 is possible at all, the client is told why in a GOAWAY (INADEQUATE_SECURITY).
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
  const needsCertificate = secure.requestCert === true && secure.rejectUnauthorized !== false;
  const server = usable(() =>
    tls.createServer(serverTlsOptions(secure), (socket) => {
      const failure = serverHandshakeFailure(socket, needsCertificate);
      if (failure === undefined) {
        socket.disableRenegotiation(); // RFC 9113 §9.2.1
        onSocket(socket);
        return;
      }
      onRefused(refusal(socket, failure));
      sayGoodbye(socket, failure.message);
    }),
  );
  server.on("tlsClientError", (cause, socket) => {
    socket.destroy();
    const [code, text] = tlsFailure(cause, "client") ?? ["TLS_FAILED", cause.message];
    onRefused(refusal(socket, new TransportError(code, text, { cause })));
  });
  let current: tls.SecureContextOptions = serverTlsOptions(secure);
  const updateTls = (changed: tls.SecureContextOptions): void => {
    const next = { ...current, ...changed };
    serverTlsOptions(next);
    // First by itself: a server whose new context cannot be made would keep half of the new options.
    usable(() => tls.createSecureContext(next));
    server.setSecureContext(next);
    current = next;
  };
  return Object.assign(server, { updateTls });
}

function usable<T>(make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw unusableTls(error);
  }
}

/** `socket` knows its peer only as long as it is open. */
function refusal({ remoteAddress, remotePort }: net.Socket, { code, message, cause }: TransportError): TransportError {
  const from = remoteAddress === undefined ? "" : ` from ${net.isIPv6(remoteAddress) ? `[${remoteAddress}]` : remoteAddress}:${remotePort}`;
  return new TransportError(code, `a connection${from} was refused: ${message}`, cause === undefined ? undefined : { cause });
}

/** Nothing is served before the GOAWAY, and nothing can come after it. */
const deaf: ConnectionHandler<never> = {
  onHeaders() {},
  onData() {},
  onTrailers() {},
  onReset() {},
  onWritable() {},
  onClose() {},
};

function sayGoodbye(socket: net.Socket, why: string): void {
  const connection = new Connection<never>({ role: "server", settings: { maxConcurrentStreams: 0 } }, deaf);
  const driver = new ConnectionDriver(connection, duplexTransport(socket));
  connection.goAway(ErrorCode.INADEQUATE_SECURITY, why);
  void driver;
}
