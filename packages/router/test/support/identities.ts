/** Identities for end-to-end TLS, of the certificates in `h2/test/fixtures/tls`. */
import { X509Certificate } from "node:crypto";
import { authority, type CertificateName, certificateOf } from "../../../h2/test/support/certificates.js";
import { type EndToEndOptions, pinOf } from "../../src/index.js";

export { authority };

export const pin = (name: CertificateName): string => pinOf(new X509Certificate(certificateOf(name).cert));

/** Returns the options of one who is `own`, and trusts the keys of the others. */
export function trusting(own: CertificateName, ...others: readonly CertificateName[]): EndToEndOptions {
  return { ...certificateOf(own), pins: others.map(pin) };
}
