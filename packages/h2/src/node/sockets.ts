/** Sockets for HTTP/2: TCP and Unix, with TLS where asked, ALPN "h2" required there (RFC 9113 §3.2). */
import net from "node:net";
import tls from "node:tls";

/** Where a socket goes to. */
export type SocketTarget = { readonly host: string; readonly port: number } | { readonly path: string };

export interface ConnectSocketOptions {
  /** TLS with these options; `ALPNProtocols` is set here. */
  readonly tls?: tls.ConnectionOptions | undefined;
  readonly signal?: AbortSignal | undefined;
  /** From the start to the end of the TLS handshake. Default 20,000 ms, as other gRPC clients wait. */
  readonly connectTimeoutMs?: number | undefined;
}

const alpnProtocol = "h2";

/**
 * A connected socket, its TLS handshake done. @throws Error saying which target, and what failed: refused, timed out, the
 * certificate, or no ALPN "h2"; the cause is Node's error. The signal's reason when it aborts.
 */
export function connectSocket(target: SocketTarget, options: ConnectSocketOptions = {}): Promise<net.Socket> {
  const { signal, connectTimeoutMs = 20_000 } = options;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const socket = open(target, options.tls);
    const where = "path" in target ? target.path : `${target.host}:${target.port}`;
    const settle = (error: unknown): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      socket.off("error", onError);
      socket.off("close", onClose);
      if (error === undefined) {
        resolve(socket);
        return;
      }
      socket.on("error", () => {}); // What a dying socket still says is of no use to anybody.
      socket.destroy();
      reject(error);
    };
    const onError = (cause: Error): void => settle(new Error(`cannot connect to ${where}: ${describe(cause)}`, { cause }));
    const onClose = (): void => settle(new Error(`cannot connect to ${where}: closed during the handshake`));
    const onAbort = (): void => settle(signal?.reason);
    const timer = setTimeout(() => settle(new Error(`cannot connect to ${where} within ${connectTimeoutMs} ms`)), connectTimeoutMs);
    signal?.addEventListener("abort", onAbort);
    socket.on("error", onError);
    socket.on("close", onClose);
    socket.once(socket instanceof tls.TLSSocket ? "secureConnect" : "connect", () => {
      const wrong = socket instanceof tls.TLSSocket && socket.alpnProtocol !== alpnProtocol;
      settle(wrong ? new Error(`cannot connect to ${where}: the server did not choose ALPN "${alpnProtocol}"`) : undefined);
    });
  });
}

function open(target: SocketTarget, secure: tls.ConnectionOptions | undefined): net.Socket {
  if (secure === undefined) return net.connect({ ...target, noDelay: true });
  const servername = "host" in target && net.isIP(target.host) === 0 ? { servername: target.host } : {};
  return tls.connect({ ...servername, ...secure, ...target, ALPNProtocols: [alpnProtocol] });
}

/** Node packs the attempts at several addresses into an error without a message. */
function describe(error: Error): string {
  if (error instanceof AggregateError && error.message === "") return error.errors.map((each: Error) => each.message).join("; ");
  return error.message;
}

export interface SocketServerOptions {
  /**
   * TLS with these options; `ALPNProtocols` is set here, and a client without ALPN "h2" is refused. `handshakeTimeout` is by
   * default 10,000 ms, as for the HTTP/2 handshake after it (Node's own default is twelve times as long).
   */
  readonly tls?: tls.TlsOptions | undefined;
}

/** A server that gives each socket, its TLS handshake done, to `onSocket`. A failed handshake ends that socket alone. */
export function createSocketServer(options: SocketServerOptions, onSocket: (socket: net.Socket) => void): net.Server {
  if (options.tls === undefined) return net.createServer({ allowHalfOpen: true, noDelay: true }, onSocket);
  const server = tls.createServer({ handshakeTimeout: 10_000, ...options.tls, ALPNProtocols: [alpnProtocol] }, (socket) => {
    if (socket.alpnProtocol === alpnProtocol) onSocket(socket);
    else socket.destroy();
  });
  server.on("tlsClientError", (_error, socket) => socket.destroy());
  return server;
}
