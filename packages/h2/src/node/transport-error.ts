/** What goes wrong before there is a connection, on either side, in one class with codes that programs can rely on. */

/**
 * - `CONNECTION_REFUSED`: nobody listens there.
 * - `CONNECTION_FAILED`: the system's own reason is in the message: no such name, no route, no such Unix socket.
 * - `CONNECTION_CLOSED`: the peer closed or reset the connection before its TLS handshake was done.
 * - `CONNECT_TIMEOUT`: nobody answered in time.
 * - `HANDSHAKE_TIMEOUT`: somebody answered, but the TLS handshake did not end in time.
 * - `NOT_TLS`: the peer speaks plaintext where TLS is spoken.
 * - `TLS_VERSION`: both sides have no version of TLS in common; HTTP/2 needs 1.2 or 1.3.
 * - `TLS_CIPHER`: both sides have no cipher suite in common that HTTP/2 allows (RFC 9113 §9.2.2).
 * - `TLS_ALPN`: the other side does not speak "h2", or does not say so (RFC 9113 §3.2).
 * - `TLS_FAILED`: any other failure of the handshake.
 * - `CERTIFICATE_EXPIRED`, `CERTIFICATE_NOT_YET_VALID`, `CERTIFICATE_REVOKED`: the peer's certificate.
 * - `CERTIFICATE_WRONG_HOST`: the server's certificate is for other names.
 * - `CERTIFICATE_SELF_SIGNED`: the peer's certificate vouches for itself, and is not among those that are trusted.
 * - `CERTIFICATE_UNKNOWN_AUTHORITY`: nobody who is trusted vouches for the peer's certificate.
 * - `CERTIFICATE_INVALID`: anything else about the peer's certificate.
 * - `CERTIFICATE_REQUIRED`: the server wants a certificate of the client, and there is none.
 * - `CERTIFICATE_REFUSED`: the peer does not accept our certificate.
 */
export type TransportErrorCode =
  | "CONNECTION_REFUSED"
  | "CONNECTION_FAILED"
  | "CONNECTION_CLOSED"
  | "CONNECT_TIMEOUT"
  | "HANDSHAKE_TIMEOUT"
  | "NOT_TLS"
  | "TLS_VERSION"
  | "TLS_CIPHER"
  | "TLS_ALPN"
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

/** A connection that did not come about, or was ended by TLS. The message is one line; `cause` is Node's error where there is one. */
export class TransportError extends Error {
  override name = "TransportError";
  /** Which failure it was, stable for programs. */
  readonly code: TransportErrorCode;

  constructor(code: TransportErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
