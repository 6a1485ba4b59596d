/**
 * Says what is wrong with a file that should hold certificates or a private key in PEM. OpenSSL's own words name
 * neither the file nor the fault. This file must not know where a file comes from, and never tells its content.
 */
import { createPrivateKey, X509Certificate } from "node:crypto";

const certificateBegins = "-----BEGIN CERTIFICATE-----";
const keyBegins = /-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----/;
const encrypted = /-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED/;

/** Returns the certificates of a file in PEM, each as its text; those that are cut short are left out. */
export function certificateBlocks(pem: string): readonly string[] {
  return pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
}

/** Returns what is wrong with certificates, as words that follow the file; undefined where they can be used. */
export function certificateProblem(content: Buffer): string | undefined {
  const text = content.toString("latin1");
  if (!text.includes(certificateBegins)) return `holds no certificate in PEM${nature(content, text)}`;
  const blocks = certificateBlocks(text);
  if (blocks.length < text.split(certificateBegins).length - 1) return "holds a certificate that is cut short";
  const damaged = blocks.findIndex((block) => !succeeds(() => new X509Certificate(block)));
  return damaged === -1 ? undefined : `holds a certificate that is damaged: number ${damaged + 1} of ${blocks.length}`;
}

/** Returns what is wrong with a private key, as words that follow the file; undefined where it can be used. */
export function privateKeyProblem(content: Buffer): string | undefined {
  const text = content.toString("latin1");
  if (!keyBegins.test(text)) return `holds no private key in PEM${nature(content, text)}`;
  if (encrypted.test(text))
    return "holds a private key that a passphrase protects; openssl pkey -in FILE -out OTHER takes that away";
  if (succeeds(() => createPrivateKey(content))) return undefined;
  return "holds a private key that is damaged, or of a kind that is not known";
}

/** Returns true where the key is that of the certificate. Both were found to be usable. */
export function belongTogether(certificate: Buffer, key: Buffer): boolean {
  return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key));
}

/** Returns what a file is instead, as the end of a message; nothing where that is not known. */
function nature(content: Buffer, text: string): string {
  if (text.trim() === "") return ": it is empty";
  if (text.includes(certificateBegins)) return ", but a certificate";
  if (keyBegins.test(text)) return ", but a private key";
  if (/-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----/.test(text)) return ", but a request for a certificate";
  // A SEQUENCE of ASN.1 whose length has two bytes.
  return content[0] === 0x30 && content[1] === 0x82 ? "; openssl makes PEM of DER" : "";
}

function succeeds(work: () => unknown): boolean {
  try {
    work();
    return true;
  } catch {
    return false;
  }
}
