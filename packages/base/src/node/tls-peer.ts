/** The certificate of the other side of a TLS connection, and whether it proves anything. */
import { X509Certificate } from "node:crypto";
import type { Duplex } from "node:stream";
import tls from "node:tls";

/**
 * Returns the certificate that the other side has shown, verified or not. `getPeerX509Certificate` of Node 20 takes the
 * certificate out of a client's session, so that it is there only once; this function leaves it in its place.
 */
export function shownCertificate(socket: tls.TLSSocket): X509Certificate | undefined {
  const { raw } = socket.getPeerCertificate() as { readonly raw?: Uint8Array };
  return raw === undefined ? undefined : new X509Certificate(raw);
}

/**
 * Returns true if the other side has shown a certificate that a trusted authority vouches for. Node's `authorized`
 * alone is also true for a resumed session of TLS 1.3 in which the client never had a certificate.
 */
export function isPeerVerified(socket: tls.TLSSocket): boolean {
  return socket.authorized && (socket.getPeerCertificate() as { readonly raw?: Uint8Array }).raw !== undefined;
}

/**
 * Returns the certificate that the other side has proved to own and that an authority vouches for: its `subject`,
 * `subjectAltName` and `fingerprint256` say who that is. Undefined without TLS, without a certificate, and for one that
 * was not verified.
 */
export function peerCertificate(duplex: Duplex): X509Certificate | undefined {
  return duplex instanceof tls.TLSSocket && duplex.authorized ? shownCertificate(duplex) : undefined;
}
