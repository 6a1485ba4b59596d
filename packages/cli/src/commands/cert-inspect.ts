/** `trunkline cert inspect FILE`: shows the certificates of a file, their pins, and nothing of a key. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { pinOf } from "@trunkline/router";
import { certificateBlocks, certificateProblem } from "../certificate/pem.js";
import { CommandError } from "../command-error.js";
import type { Context } from "../context.js";
import { ExitCode } from "../exit-codes.js";
import { printable } from "../format.js";
import { readSmallFile } from "../secret-file.js";

/** The most certificates of a file that are shown: more than any chain has, and less than a bundle of a system. */
const maxShown = 500;

const purposes: Readonly<Record<string, string>> = {
  "1.3.6.1.5.5.7.3.1": "server",
  "1.3.6.1.5.5.7.3.2": "client",
};

/** Shows the certificates of a file. @throws CommandError for a file without one */
export async function inspectCertificates(file: string, { output }: Context): Promise<void> {
  const content = await readSmallFile(file, "the certificates in");
  const problem = certificateProblem(content);
  if (problem !== undefined) throw new CommandError(`${file} ${problem}`, ExitCode.unreadable);
  const pem = content.toString("latin1");
  const blocks = certificateBlocks(pem);
  if (blocks.length > maxShown)
    throw new CommandError(`${file} holds ${blocks.length} certificates, more than ${maxShown}`, ExitCode.unreadable);
  const key = privateKeyIn(pem);
  for (const [index, block] of blocks.entries()) {
    const certificate = new X509Certificate(block);
    const { subject, issuer, subjectAltName, validFrom, validTo, fingerprint256, ca } = certificate;
    const content = {
      subject: line(subject),
      issuer: line(issuer),
      names: subjectAltName === undefined ? [] : printable(subjectAltName).split(", "),
      notBefore: new Date(validFrom).toISOString(),
      notAfter: new Date(validTo).toISOString(),
      usable: usability(certificate),
      purposes: ca ? ["authority"] : (certificate.keyUsage ?? []).map((id) => purposes[id] ?? id),
      pin: pinOf(certificate),
      fingerprint: fingerprint256,
      hasKey: key !== undefined && certificate.checkPrivateKey(key),
    };
    const rows = Object.entries(content).map(([name, value]) => `  ${name.padEnd(11)}  ${String(value)}`);
    output.result({ event: "certificate-content", ...content }, `certificate ${index + 1}\n${rows.join("\n")}`);
  }
}

/** Returns the key that stands beside the certificates; undefined where there is none that can be read. */
function privateKeyIn(pem: string) {
  try {
    return createPrivateKey(pem);
  } catch {
    return undefined;
  }
}

function usability({ validFrom, validTo }: X509Certificate): string {
  const nowMs = Date.now();
  if (nowMs < Date.parse(validFrom)) return "not yet";
  if (nowMs > Date.parse(validTo)) return "expired";
  return `for ${Math.floor((Date.parse(validTo) - nowMs) / 86_400_000)} days`;
}

/** Returns a name, whose parts Node writes on lines of their own, on one line. */
function line(name: string): string {
  return printable(name.replaceAll("\n", ", "));
}
