/** `trunkline cert`: makes an authority and certificates, for the TLS of a router and for end-to-end TLS. */

import type { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { join } from "node:path";
import { domainToASCII } from "node:url";
import { pinOf } from "@trunkline/router";
import { authorityPaths, exists, keyPem, type NewFile, readAuthority, writeFiles } from "../certificate/files.js";
import { type Issued, issue, type Purpose } from "../certificate/issue.js";
import { CommandError } from "../command-error.js";
import type { Context } from "../context.js";
import { ExitCode } from "../exit-codes.js";
import { printable } from "../format.js";
import { parseWholeNumber } from "../whole-number.js";

/** Options of `trunkline cert ca`. */
export interface CertOptions {
  /** The folder of the authority and of what is made. */
  readonly folder: string;
  readonly days: string;
  readonly force?: boolean;
}

/** Options of `trunkline cert peer`. */
export interface CertPeerOptions extends CertOptions {
  readonly only?: "expose" | "connect";
  readonly selfSigned?: boolean;
}

const dayMs = 86_400_000;
/** A hundred years. */
const maxDays = 36_500;
/** The time by which the clocks of others may be behind. */
const backdatedMs = 3_600_000;
/** The lifetime of an authority that is made along with its first certificate. */
const authorityDays = 3_650;
const maxNames = 100;

/** Makes an authority. @throws CommandError */
export async function certAuthority(name: string, options: CertOptions, context: Context): Promise<void> {
  const authority = makeAuthority(commonName(name), parseWholeNumber(options.days, "--days", maxDays));
  const files = authorityFiles(options.folder, authority);
  await writeFiles(files, options.force === true);
  report("authority", authority, files, [], context);
}

/** Makes the certificate of a router, and an authority first where the folder has none. @throws CommandError */
export async function certServer(names: readonly string[], options: CertOptions, context: Context): Promise<void> {
  if (names.length > maxNames)
    throw new CommandError(`${names.length} names are more than ${maxNames}`, ExitCode.usage);
  const checked = names.map(serverName);
  const [first = ""] = checked;
  await make("server", first, checked, options, context, (path, issued, chain) => [
    { path: `${path}.key`, text: keyPem(issued), isSecret: true },
    { path: `${path}.pem`, text: issued.certificate.toString() + chain, isSecret: false },
  ]);
}

/** Makes the identity of a peer in one file, and an authority first where the folder has none. @throws CommandError */
export async function certPeer(name: string, options: CertPeerOptions, context: Context): Promise<void> {
  const subject = commonName(name);
  const { only } = options;
  const purpose: Purpose = only === undefined ? "peer" : only === "expose" ? "server" : "client";
  const names = dnsName(subject) === undefined ? [] : [subject];
  await make(purpose, subject, names, options, context, (path, issued, chain) => [
    { path: `${path}.pem`, text: issued.certificate.toString() + chain + keyPem(issued), isSecret: true },
  ]);
}

async function make(
  purpose: Purpose,
  subject: string,
  names: readonly string[],
  options: CertPeerOptions,
  context: Context,
  filesOf: (path: string, issued: Issued, chain: string) => NewFile[],
): Promise<void> {
  const { folder, force = false, selfSigned = false } = options;
  const notAfterMs = Date.now() + parseWholeNumber(options.days, "--days", maxDays) * dayMs;
  const made: NewFile[] = [];
  let authority: Issued | undefined;
  if (!selfSigned) {
    const paths = authorityPaths(folder);
    if ((await exists(paths.certificate)) || (await exists(paths.key))) {
      authority = await readAuthority(folder);
      checkOutlived(authority.certificate, notAfterMs);
    } else {
      authority = makeAuthority(
        "trunkline CA",
        Math.max(authorityDays, parseWholeNumber(options.days, "--days", maxDays)),
      );
      made.push(...authorityFiles(folder, authority));
    }
  }
  const issued = issue({ purpose, subject, names, notBeforeMs: Date.now() - backdatedMs, notAfterMs }, authority);
  const files = filesOf(join(folder, fileName(subject)), issued, authority?.certificate.toString() ?? "");
  for (const { path } of files)
    if (!force && (await exists(path)))
      throw new CommandError(`${path} exists already; --force replaces it`, ExitCode.cannotCreate);
  if (made.length > 0 && authority !== undefined) {
    await writeFiles(made, false);
    report("authority", authority, made, [], context);
  }
  await writeFiles(files, force);
  report(purpose, issued, files, names, context);
}

function makeAuthority(subject: string, days: number): Issued {
  const nowMs = Date.now();
  const notAfterMs = nowMs + days * dayMs;
  return issue({ purpose: "authority", subject, names: [], notBeforeMs: nowMs - backdatedMs, notAfterMs });
}

function authorityFiles(folder: string, authority: Issued): NewFile[] {
  const paths = authorityPaths(folder);
  return [
    { path: paths.key, text: keyPem(authority), isSecret: true },
    { path: paths.certificate, text: authority.certificate.toString(), isSecret: false },
  ];
}

/** @throws CommandError where the authority ends before the certificate */
function checkOutlived({ validTo }: X509Certificate, notAfterMs: number): void {
  const days = Math.floor((Date.parse(validTo) - Date.now()) / dayMs);
  if (Date.parse(validTo) >= notAfterMs) return;
  const advice = days > 0 ? `give --days ${days} at most` : "make another one in another folder";
  throw new CommandError(
    `the authority is good until ${validTo}, less long than the certificate; ${advice}`,
    ExitCode.usage,
  );
}

function report(
  purpose: Purpose,
  { certificate }: Issued,
  files: readonly NewFile[],
  names: readonly string[],
  { output }: Context,
): void {
  const pin = pinOf(certificate);
  const paths = files.map(({ path }) => path);
  const expires = new Date(certificate.validTo).toISOString();
  const what =
    purpose === "authority"
      ? "an authority"
      : purpose === "server" && paths.length > 1
        ? "a certificate"
        : "an identity";
  const forNames = names.length === 0 ? "" : ` for ${names.join(", ")}`;
  output.result(
    { event: "certificate", purpose, files: paths, names, pin, expires },
    `${paths.join(" and ")}: ${what}${forNames}, good until ${expires.slice(0, 10)}, ${pin}`,
  );
}

/** @throws CommandError for a text that cannot be a common name */
function commonName(text: string): string {
  if (text.length >= 1 && [...text].length <= 64 && printable(text) === text && text.trim() === text) return text;
  throw new CommandError(
    `the name ${JSON.stringify(text.slice(0, 100))} must have 1 to 64 printable characters`,
    ExitCode.usage,
  );
}

/** @throws CommandError for a text that is neither a DNS name nor an IP address */
function serverName(text: string): string {
  const name = isIP(text) === 0 ? dnsName(text) : text;
  if (name !== undefined) return name;
  throw new CommandError(
    `${JSON.stringify(text.slice(0, 300))} is neither a DNS name nor an IP address`,
    ExitCode.usage,
  );
}

/** Returns a DNS name in ASCII, whose first label may be `*`; undefined for other text. */
function dnsName(text: string): string | undefined {
  const wild = text.startsWith("*.") ? "*." : "";
  const name = domainToASCII(text.slice(wild.length));
  const isName =
    name.length <= 253 &&
    /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$/i.test(name);
  return isName && isIP(name) === 0 ? wild + name : undefined;
}

/** Returns the name of a file without its ending. */
function fileName(subject: string): string {
  const name = subject.replaceAll(/[^A-Za-z0-9._-]/g, "_").replace(/^\.+/, "_");
  return name === "ca" ? "ca_" : name;
}
