/**
 * The one class for what goes wrong before a connection exists, on either side, with codes that programs can rely on.
 */
import { brandKey, hasBrand } from "../kind-of.js";

/**
 * The reason of a `TransportError`.
 * - `CONNECTION_REFUSED`: nothing listens at the address.
 * - `CONNECTION_FAILED`: the system's own reason is in the message: no such name, no route, no such Unix socket.
 * - `CONNECTION_CLOSED`: the peer closed or reset the connection before its TLS handshake was done.
 * - `CONNECT_TIMEOUT`: no address has answered in time.
 * - `PROXY_UNREACHABLE`: no connection to the proxy could be made, or TLS to it has failed.
 * - `PROXY_AUTHENTICATION`: the proxy wants a user and a password, or others than it was given.
 * - `PROXY_REFUSED`: the proxy has answered that it does not make the connection.
 * - `PROXY_INVALID`: the answer is none of a proxy, or the connection has ended before it.
 * - `PROXY_TIMEOUT`: the proxy has not answered in time.
 * - `HANDSHAKE_TIMEOUT`: the peer has answered, but the TLS handshake did not end in time.
 * - `NOT_TLS`: the peer speaks plaintext where TLS is spoken.
 * - `TLS_VERSION`: both sides have no version of TLS in common; HTTP/2 needs 1.2 or 1.3.
 * - `TLS_CIPHER`: both sides have no cipher suite in common that is allowed (for HTTP/2: RFC 9113 §9.2.2).
 * - `TLS_ALPN`: the peer does not speak the application protocol that this side needs (for HTTP/2: RFC 9113 §3.2).
 * - `TOO_MANY_HANDSHAKES`: a server has as many connections in their handshake as it allows.
 * - `TOO_MANY_CONNECTIONS`: a server has as many connections with calls as it allows.
 * - `TLS_FAILED`: any other failure of the handshake.
 * - `CERTIFICATE_EXPIRED`, `CERTIFICATE_NOT_YET_VALID`, `CERTIFICATE_REVOKED`: the peer's certificate.
 * - `CERTIFICATE_WRONG_HOST`: the server's certificate is for other names.
 * - `CERTIFICATE_SELF_SIGNED`: the peer's certificate is signed by itself and is not a trusted one.
 * - `CERTIFICATE_UNKNOWN_AUTHORITY`: no trusted authority has signed the peer's certificate.
 * - `CERTIFICATE_INVALID`: any other fault of the peer's certificate.
 * - `CERTIFICATE_REQUIRED`: the server requires a client certificate, and there is none.
 * - `CERTIFICATE_REFUSED`: the peer does not accept our certificate.
 */
export type TransportErrorCode =
  | "CONNECTION_REFUSED"
  | "CONNECTION_FAILED"
  | "CONNECTION_CLOSED"
  | "CONNECT_TIMEOUT"
  | "PROXY_UNREACHABLE"
  | "PROXY_AUTHENTICATION"
  | "PROXY_REFUSED"
  | "PROXY_INVALID"
  | "PROXY_TIMEOUT"
  | "HANDSHAKE_TIMEOUT"
  | "NOT_TLS"
  | "TLS_VERSION"
  | "TLS_CIPHER"
  | "TLS_ALPN"
  | "TOO_MANY_HANDSHAKES"
  | "TOO_MANY_CONNECTIONS"
  | "TLS_FAILED"
  | "CERTIFICATE_EXPIRED"
  | "CERTIFICATE_NOT_YET_VALID"
  | "CERTIFICATE_REVOKED"
  | "CERTIFICATE_WRONG_HOST"
  | "CERTIFICATE_SELF_SIGNED"
  | "CERTIFICATE_UNKNOWN_AUTHORITY"
  | "CERTIFICATE_INVALID"
  | "CERTIFICATE_REQUIRED"
  | "CERTIFICATE_REFUSED";

/** Options of a `TransportError`. */
export interface TransportErrorOptions {
  /** The error of the system or of TLS behind this one. */
  readonly cause?: Error | undefined;
}

const brand = brandKey("TransportError");

/** Reports a connection that could not be made, or that TLS has ended. The message is one line. */
export class TransportError extends Error {
  override name = "TransportError";
  /** The kind of failure, stable for programs. */
  readonly code: TransportErrorCode;

  constructor(code: TransportErrorCode, message: string, { cause }: TransportErrorOptions = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    Object.defineProperty(this, brand, { value: true });
  }

  /** Returns true for a `TransportError` of any copy of this package. */
  static is(value: unknown): value is TransportError {
    return hasBrand(value, brand);
  }

  /** The code of the system or of TLS behind this error, such as `ECONNREFUSED`; undefined where there is none. */
  get systemCode(): string | undefined {
    const code = (this.cause as { readonly code?: unknown } | undefined)?.code;
    return typeof code === "string" ? code : undefined;
  }
}
