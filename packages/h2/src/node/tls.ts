/**
 * TLS as HTTP/2 wants it (RFC 9113 §9.2): version 1.2 or 1.3, of 1.2 only suites with ephemeral keys and authenticated
 * encryption, ALPN "h2", no renegotiation. What a user's options say beyond that is theirs; what they say against it is
 * refused.
 */
import type tls from "node:tls";
import { isPeerVerified, shownCertificate, TransportError, verificationFailure } from "@trunkline/base/node";

/** The name of HTTP/2 over TLS in ALPN (RFC 9113 §3.2). */
export const alpnProtocol = "h2";

/** The cipher suites in the order of preference. The RSA one with AES-128 is the one that RFC 9113 §9.2.2 requires. */
const suites: readonly string[] = [
  "TLS_AES_128_GCM_SHA256",
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-CHACHA20-POLY1305",
];

/** Suites of TLS 1.2 that are not on the list of RFC 9113, Appendix A, by their names in the standard. */
const allowedSuite = /^TLS_(EC)?DHE_(ECDSA|RSA|PSK|DSS)_WITH_\w+_(GCM|CCM|CCM_8|POLY1305)(_SHA\d+)?$/;

/** RFC 9113 §9.2.1: an ephemeral key exchange over integers has at least so many bits. */
const minDHSize = 2_048;

const defaults = { minVersion: "TLSv1.2", ciphers: suites.join(":") } as const;

/** @throws TypeError for a version of TLS that HTTP/2 does not run over */
export function clientTlsOptions(options: tls.ConnectionOptions): tls.ConnectionOptions {
  checkVersions(options);
  return { ...defaults, minDHSize, ...options, ALPNProtocols: [alpnProtocol] };
}

/**
 * Client certificates are looked at by us (`handshakeFailure`), so that the client can be told what is wrong with its
 * own: left to Node, a certificate that is refused ends the connection without a word.
 * @throws TypeError for a version of TLS that HTTP/2 does not run over, and without a certificate
 */
export function serverTlsOptions(options: tls.TlsOptions): tls.TlsOptions {
  checkVersions(options);
  checkCertificate(options);
  return {
    ...defaults,
    // Node's own default is twelve times as long; this is what the HTTP/2 handshake has after it.
    handshakeTimeout: 10_000,
    ...options,
    ALPNProtocols: [alpnProtocol],
    rejectUnauthorized: false,
  };
}

function checkVersions({ minVersion, maxVersion, secureProtocol }: tls.SecureContextOptions): void {
  for (const [name, version] of Object.entries({ minVersion, maxVersion })) {
    if (version !== undefined && version !== "TLSv1.2" && version !== "TLSv1.3") {
      throw new TypeError(`${name} is "${version}": HTTP/2 needs "TLSv1.2" or "TLSv1.3"`);
    }
  }
  if (secureProtocol !== undefined)
    throw new TypeError("secureProtocol is not for HTTP/2: use minVersion and maxVersion");
}

/** Node takes a server without a certificate; each of its handshakes then fails for want of a cipher suite. */
function checkCertificate({ cert, key, pfx, SNICallback, pskCallback }: tls.TlsOptions): void {
  if (pfx !== undefined || SNICallback !== undefined || pskCallback !== undefined) return;
  if (cert === undefined) throw new TypeError("the tls options of a server need a certificate: cert and key, or pfx");
  if (key === undefined) throw new TypeError("the tls options have a certificate (cert), but not its key");
}

/**
 * Returns a client's socket after its handshake, if what was agreed upon is good for HTTP/2.
 * @throws TransportError that names the server otherwise; the socket is closed then
 */
export function checkedForHttp2(socket: tls.TLSSocket, name: string): tls.TLSSocket {
  const failure = clientHandshakeFailure(socket);
  if (failure !== undefined) {
    socket.destroy();
    throw new TransportError(failure.code, `cannot connect to ${name}: ${failure.message}`);
  }
  socket.disableRenegotiation(); // RFC 9113 §9.2.1
  return socket;
}

/** Returns why the result of a client's handshake is not good for HTTP/2; undefined where it is. */
function clientHandshakeFailure(socket: tls.TLSSocket): TransportError | undefined {
  if (socket.alpnProtocol !== alpnProtocol)
    return new TransportError("TLS_ALPN", `the server did not choose ALPN "${alpnProtocol}"`);
  return cipherFailure(socket, "server");
}

/**
 * Returns why a server gives the connection not even to HTTP/1.1: a client certificate that is needed and not good;
 * undefined where nothing is wrong.
 */
export function http1HandshakeFailure(socket: tls.TLSSocket, needsCertificate: boolean): TransportError | undefined {
  return needsCertificate ? certificateFailure(socket) : undefined;
}

/**
 * Returns why the result of a server's handshake is not good for HTTP/2; undefined where it is. `needsCertificate`:
 * clients must show a certificate that an authority vouches for.
 */
export function serverHandshakeFailure(socket: tls.TLSSocket, needsCertificate: boolean): TransportError | undefined {
  if (socket.alpnProtocol !== alpnProtocol)
    return new TransportError("TLS_ALPN", `the client did not ask for ALPN "${alpnProtocol}"`);
  return cipherFailure(socket, "client") ?? (needsCertificate ? certificateFailure(socket) : undefined);
}

function cipherFailure(socket: tls.TLSSocket, other: "client" | "server"): TransportError | undefined {
  if (socket.getProtocol() === "TLSv1.3") return undefined;
  const { standardName } = socket.getCipher();
  if (socket.getProtocol() === "TLSv1.2" && allowedSuite.test(standardName)) return undefined;
  return new TransportError(
    "TLS_CIPHER",
    `the ${other} agreed to ${socket.getProtocol()} with ${standardName}, which HTTP/2 forbids`,
  );
}

function certificateFailure(socket: tls.TLSSocket): TransportError | undefined {
  if (isPeerVerified(socket)) return undefined;
  if (shownCertificate(socket) === undefined) {
    return new TransportError("CERTIFICATE_REQUIRED", "the client has no certificate, which is required here");
  }
  return new TransportError(...verificationFailure(String(socket.authorizationError), "client"));
}
