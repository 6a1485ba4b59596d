/** Dialling for HTTP/2: TCP and Unix sockets, with TLS where asked. It must not know what is spoken afterwards. */
import net from "node:net";
import tls from "node:tls";
import { clientHandshakeFailure, clientTlsOptions } from "./tls.js";
import { type TlsFailure, tlsFailure } from "./tls-failure.js";
import { TransportError } from "./transport-error.js";

/** Where a socket goes to. */
export type SocketTarget = { readonly host: string; readonly port: number } | { readonly path: string };

export interface ConnectSocketOptions {
  /**
   * TLS with these options (`ca`, `cert`, `key`, `servername`, …). `ALPNProtocols` is set here; `minVersion` is by default TLS 1.2, and
   * `ciphers` those that HTTP/2 allows.
   */
  readonly tls?: tls.ConnectionOptions | undefined;
  readonly signal?: AbortSignal | undefined;
  /** From the start to the end of the TLS handshake. Default 20,000 ms, as other gRPC clients wait. */
  readonly connectTimeoutMs?: number | undefined;
}

/**
 * A connected socket, its TLS handshake done and good for HTTP/2 (RFC 9113 §9.2).
 *
 * In TLS 1.3 a server looks at the client's certificate only after that: what it objects to is told by the connection's end.
 * @throws TransportError saying which target and what failed, with a code for programs. TypeError or RangeError for options that contradict HTTP/2 or
 * themselves. The signal's reason when it aborts.
 */
export async function connectSocket(target: SocketTarget, options: ConnectSocketOptions = {}): Promise<net.Socket> {
  const { signal, connectTimeoutMs = 20_000 } = options;
  signal?.throwIfAborted();
  const socket = open(target, options.tls);
  const where =
    "path" in target
      ? target.path
      : net.isIPv6(target.host)
        ? `[${target.host}]:${target.port}`
        : `${target.host}:${target.port}`;
  const failure = (code: TransportError["code"], text: string, cause?: Error): TransportError =>
    new TransportError(code, `cannot connect to ${where}: ${text}`, cause === undefined ? undefined : { cause });
  let connected = false;
  return await new Promise((resolve, reject) => {
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
    const onError = (cause: Error): void => {
      const named = connected && socket instanceof tls.TLSSocket ? tlsFailure(cause, "server") : undefined;
      settle(failure(...(named ?? systemFailure(cause)), cause));
    };
    const onClose = (): void =>
      settle(failure("CONNECTION_CLOSED", "the server closed the connection during the TLS handshake"));
    const onAbort = (): void => settle(signal?.reason);
    const onTimeout = (): void => {
      const text = connected ? "the TLS handshake did not end" : "no answer";
      settle(
        failure(
          connected ? "HANDSHAKE_TIMEOUT" : "CONNECT_TIMEOUT",
          `${text} within connectTimeoutMs (${connectTimeoutMs})`,
        ),
      );
    };
    const timer = setTimeout(onTimeout, connectTimeoutMs);
    signal?.addEventListener("abort", onAbort);
    socket.on("error", onError);
    socket.on("close", onClose);
    socket.once("connect", () => {
      connected = true;
      if (!(socket instanceof tls.TLSSocket)) settle(undefined);
    });
    socket.once("secureConnect", () => {
      if (!(socket instanceof tls.TLSSocket)) return;
      const lacking = clientHandshakeFailure(socket);
      socket.disableRenegotiation(); // RFC 9113 §9.2.1
      settle(lacking === undefined ? undefined : failure(lacking.code, lacking.message));
    });
  });
}

function open(target: SocketTarget, secure: tls.ConnectionOptions | undefined): net.Socket {
  if (secure === undefined) return net.connect({ ...target, noDelay: true });
  const servername = "host" in target && net.isIP(target.host) === 0 ? { servername: target.host } : {};
  try {
    return tls.connect({ ...servername, ...clientTlsOptions(secure), ...target });
  } catch (error) {
    throw unusableTls(error);
  }
}

/** OpenSSL reports a key or a certificate that cannot be used in words of its own. */
export function unusableTls(error: unknown): unknown {
  const { code, reason } = error as { code?: unknown; reason?: unknown };
  if (typeof code !== "string" || !(code.startsWith("ERR_OSSL") || code.startsWith("ERR_SSL"))) return error;
  return new TypeError(`the tls options cannot be used: ${typeof reason === "string" ? reason : code}`, {
    cause: error,
  });
}

function systemFailure(error: Error & { code?: string }): TlsFailure {
  // Node packs the attempts at several addresses into an error without a message.
  const text =
    error instanceof AggregateError && error.message === ""
      ? error.errors.map((each: Error) => each.message).join("; ")
      : error.message;
  return [error.code === "ECONNREFUSED" ? "CONNECTION_REFUSED" : "CONNECTION_FAILED", text];
}
