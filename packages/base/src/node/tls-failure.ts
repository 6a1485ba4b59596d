/**
 * Puts into words what OpenSSL and Node report by codes. This file must not know sockets: an error comes in, a name
 * goes out.
 */
import type { TransportErrorCode } from "./transport-error.js";

/** A failure: its code, and words that follow "cannot connect to …: " or "… failed: ". */
export type TlsFailure = readonly [code: TransportErrorCode, text: string];

/** The role by which messages call the other side. */
export type OtherSide = "server" | "client" | "peer";

/** The results of Node's verification of certificates (X509_V_ERR_…). The words follow "the server's certificate ". */
const verification: Readonly<Record<string, TlsFailure>> = {
  CERT_HAS_EXPIRED: ["CERTIFICATE_EXPIRED", "has expired"],
  CERT_NOT_YET_VALID: ["CERTIFICATE_NOT_YET_VALID", "is not valid yet"],
  CERT_REVOKED: ["CERTIFICATE_REVOKED", "is revoked"],
  DEPTH_ZERO_SELF_SIGNED_CERT: [
    "CERTIFICATE_SELF_SIGNED",
    "is self-signed, and not one of those that are trusted (ca)",
  ],
  SELF_SIGNED_CERT_IN_CHAIN: ["CERTIFICATE_UNKNOWN_AUTHORITY", "is signed by an authority that is not trusted (ca)"],
  UNABLE_TO_GET_ISSUER_CERT: ["CERTIFICATE_UNKNOWN_AUTHORITY", "is signed by an authority that is not trusted (ca)"],
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: [
    "CERTIFICATE_UNKNOWN_AUTHORITY",
    "is signed by an authority that is not trusted (ca)",
  ],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: [
    "CERTIFICATE_UNKNOWN_AUTHORITY",
    "is signed by an authority that is not trusted (ca)",
  ],
  HOSTNAME_MISMATCH: ["CERTIFICATE_WRONG_HOST", "is for another host"],
  UNABLE_TO_GET_CRL: ["CERTIFICATE_INVALID", "cannot be checked: there is no revocation list of its authority"],
  INVALID_CA: ["CERTIFICATE_INVALID", "is signed by a certificate that is no authority"],
  INVALID_PURPOSE: ["CERTIFICATE_INVALID", "is not made for this purpose"],
  CERT_SIGNATURE_FAILURE: ["CERTIFICATE_INVALID", "has a wrong signature"],
  CERT_CHAIN_TOO_LONG: ["CERTIFICATE_INVALID", "has too long a chain of authorities"],
  PATH_LENGTH_EXCEEDED: ["CERTIFICATE_INVALID", "has a longer chain than its authority allows"],
  CERT_UNTRUSTED: ["CERTIFICATE_INVALID", "is not trusted"],
  CERT_REJECTED: ["CERTIFICATE_INVALID", "is marked as rejected"],
};

/** Alerts that the peer has sent (RFC 8446 §6), by number: OpenSSL's names for them differ between its versions. */
const alerts: Readonly<Record<number, TlsFailure>> = {
  40: ["TLS_CIPHER", "has no cipher suite in common with this side, or wants a client certificate"],
  42: ["CERTIFICATE_REFUSED", "does not accept our certificate: it is damaged, or does not fit"],
  43: ["CERTIFICATE_REFUSED", "does not accept our certificate: its kind is not supported"],
  44: ["CERTIFICATE_REFUSED", "does not accept our certificate: it is revoked"],
  45: ["CERTIFICATE_REFUSED", "does not accept our certificate: it is expired or not valid yet"],
  46: ["CERTIFICATE_REFUSED", "does not accept our certificate"],
  48: ["CERTIFICATE_REFUSED", "does not accept our certificate: its authority is not known there"],
  49: ["CERTIFICATE_REFUSED", "denies access to the owner of our certificate"],
  70: ["TLS_VERSION", "speaks no version of TLS that this side does"],
  71: ["TLS_CIPHER", "wants stronger cipher suites than this side has"],
  112: ["CERTIFICATE_WRONG_HOST", "does not know the host name that was asked for"],
  116: ["CERTIFICATE_REQUIRED", "requires a client certificate"],
  120: ["TLS_ALPN", "speaks no application protocol (ALPN) that this side does"],
};

/** The objections of this side's own OpenSSL. The words follow "the server " or "the client ". */
const objections: Readonly<Record<string, TlsFailure>> = {
  ERR_SSL_WRONG_VERSION_NUMBER: ["NOT_TLS", "does not speak TLS here, but plaintext"],
  ERR_SSL_HTTP_REQUEST: ["NOT_TLS", "does not speak TLS here, but plaintext"],
  ERR_SSL_HTTPS_PROXY_REQUEST: ["NOT_TLS", "does not speak TLS here, but plaintext"],
  ERR_SSL_PACKET_LENGTH_TOO_LONG: ["NOT_TLS", "does not speak TLS here, but plaintext"],
  ERR_SSL_UNSUPPORTED_PROTOCOL: ["TLS_VERSION", "speaks no version of TLS that this side does"],
  ERR_SSL_VERSION_TOO_LOW: ["TLS_VERSION", "speaks no version of TLS that this side does"],
  ERR_SSL_NO_SHARED_CIPHER: ["TLS_CIPHER", "has no cipher suite in common with this side"],
  ERR_SSL_WRONG_CIPHER_RETURNED: ["TLS_CIPHER", "chose a cipher suite that it was not offered"],
  ERR_SSL_DH_KEY_TOO_SMALL: ["TLS_CIPHER", "uses too short a key exchange"],
  ERR_SSL_NO_APPLICATION_PROTOCOL: ["TLS_ALPN", "speaks no application protocol (ALPN) that this side does"],
  ERR_TLS_DH_PARAM_SIZE: ["TLS_CIPHER", "uses too short a key exchange"],
  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE: ["CERTIFICATE_REQUIRED", "has no certificate, which is required here"],
  ERR_TLS_HANDSHAKE_TIMEOUT: ["HANDSHAKE_TIMEOUT", "did not finish the TLS handshake in time"],
  ECONNRESET: ["CONNECTION_CLOSED", "closed the connection during the TLS handshake"],
};

/** Returns the fault of the certificate that the other side has shown; `code` is Node's. */
export function verificationFailure(code: string, other: OtherSide): TlsFailure {
  const [known, text] = verification[code] ?? ["CERTIFICATE_INVALID", `cannot be verified: ${code}`];
  return [known, `the ${other}'s certificate ${text}`];
}

/**
 * Returns the name of an error of TLS, or undefined for any other error.
 * @param protocol the application protocol (ALPN) that this side has asked for, for the message
 */
export function tlsFailure(error: Error, other: OtherSide, protocol?: string): TlsFailure | undefined {
  const { code = "", reason } = error as { code?: string; reason?: string };
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") return wrongHost(error);
  if (Object.hasOwn(verification, code)) return verificationFailure(code, other);
  const known = alerts[Number(/SSL alert number (\d+)/.exec(error.message)?.[1])] ?? objections[code];
  if (known?.[0] === "TLS_ALPN" && protocol !== undefined) {
    return [known[0], `the ${other} does not speak ALPN ${JSON.stringify(protocol)}`];
  }
  if (known !== undefined) return [known[0], `the ${other} ${known[1]}`];
  if (!code.startsWith("ERR_SSL_") && !code.startsWith("ERR_TLS_")) return undefined;
  // OpenSSL's own text has several lines of where in its source it stood.
  return ["TLS_FAILED", reason ?? code.slice("ERR_SSL_".length).toLowerCase().replaceAll("_", " ")];
}

function wrongHost(error: Error): TlsFailure {
  const { host, cert } = error as { host?: string; cert?: { subjectaltname?: string; subject?: { CN?: string } } };
  const names = cert?.subjectaltname ?? cert?.subject?.CN ?? "no name";
  return ["CERTIFICATE_WRONG_HOST", `the server's certificate is not for ${JSON.stringify(host)}, but for ${names}`];
}

/**
 * Returns the error to throw for TLS options that cannot be used. OpenSSL reports a bad key or certificate in words of
 * its own.
 */
export function unusableTls(error: unknown): unknown {
  const { code, reason } = error as { code?: unknown; reason?: unknown };
  if (typeof code !== "string" || !(code.startsWith("ERR_OSSL") || code.startsWith("ERR_SSL"))) return error;
  return new TypeError(`the tls options cannot be used: ${typeof reason === "string" ? reason : code}`, {
    cause: error,
  });
}
