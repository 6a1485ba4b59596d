/** The steps of a handshake with a proxy. */

/** The kind of failure of a proxy; each is a code of `TransportError`. */
export type ProxyFailureCode = "PROXY_AUTHENTICATION" | "PROXY_REFUSED" | "PROXY_INVALID";

/** A failure of the proxy. The text follows "the proxy HOST:PORT ". */
export interface ProxyFailure {
  readonly code: ProxyFailureCode;
  readonly text: string;
}

/**
 * The result of bytes from the proxy.
 * - `more`: the handshake goes on; `send` is for the proxy.
 * - `failing`: the proxy has refused, and more of its text may follow. The caller waits a moment and calls `end`.
 * - `open`: the connection is there; `rest` has come behind the proxy's answer and belongs to it.
 */
export type HandshakeStep =
  | { readonly kind: "more"; readonly send: Uint8Array | undefined }
  | { readonly kind: "failing" }
  | { readonly kind: "open"; readonly rest: Uint8Array }
  | { readonly kind: "failed"; readonly failure: ProxyFailure };

/** A handshake with a proxy. After `open` or `failed` it is over. */
export interface ProxyHandshake {
  /** Returns the bytes that this side begins with. */
  begin(): Uint8Array;
  /** Takes bytes of the proxy. */
  receive(bytes: Uint8Array): HandshakeStep;
  /** Returns the failure of a connection that has ended. */
  end(): ProxyFailure;
}
