/** The judgement of the other side's certificate. TLS has proved that it has the key. */
import type { X509Certificate } from "node:crypto";
import type tls from "node:tls";
import { shownCertificate, verificationFailure } from "@trunkline/base/node";
import { type AttributeKey, sharedAttribute } from "@trunkline/streams";
import { EndToEndError } from "./error.js";
import { isOutOfDate, type ResolvedEndToEnd } from "./options.js";
import { pinOf } from "./pin.js";

/** The other side of a stream with end-to-end TLS. */
export interface EndToEndPeer {
  /** The pin of its key, `sha256//BASE64`. */
  readonly pin: string;
  /** The certificate of the other side, which was found to be trusted. */
  readonly certificate: X509Certificate;
}

/** The attribute of a stream with end-to-end TLS that tells its other side; absent at other streams. */
export const endToEndPeer: AttributeKey<EndToEndPeer> = sharedAttribute("@trunkline/router", "endToEndPeer");

/** Returns the other side. @throws EndToEndError where it is not trusted */
export function trustedPeer(socket: tls.TLSSocket, { pins, ca }: ResolvedEndToEnd): EndToEndPeer {
  const certificate = shownCertificate(socket);
  if (certificate === undefined) throw new EndToEndError("NOT_TRUSTED", "the other side has shown no certificate");
  const pin = pinOf(certificate);
  if (ca === undefined && !pins.has(pin)) {
    const expected = pins.size === 1 ? `not ${[...pins].join()}` : `none of the ${pins.size} that are trusted`;
    throw new EndToEndError("NOT_TRUSTED", `the key of the other side is ${pin}, ${expected}`);
  }
  if (ca !== undefined && !socket.authorized) {
    const [code, text] = verificationFailure(String(socket.authorizationError), "peer");
    const isUnknown = code === "CERTIFICATE_UNKNOWN_AUTHORITY" || code === "CERTIFICATE_SELF_SIGNED";
    throw new EndToEndError(isUnknown ? "NOT_TRUSTED" : "CERTIFICATE", text);
  }
  // With pins nothing else looks at the times: a key whose certificate has expired is no longer meant to be used.
  if (isOutOfDate(certificate)) {
    const { validFrom, validTo } = certificate;
    throw new EndToEndError(
      "CERTIFICATE",
      `the peer's certificate is valid from ${validFrom} to ${validTo}, and not now`,
    );
  }
  return { pin, certificate };
}
