/** The options of TLS that goes through the router to the other side: an identity of one's own, and who is trusted. */
import { checkEndToEnd, type EndToEndOptions } from "@trunkline/router";
import { readCertificates, readIdentity } from "./certificates.js";
import { CommandError, reasonOf } from "./command-error.js";
import { ExitCode } from "./exit-codes.js";

/** Options of commands whose connections may have end-to-end TLS. */
export interface EndToEndFiles {
  /** A file with a certificate and its key, PEM, as `trunkline cert peer` writes it. */
  readonly identity?: string | undefined;
  /** The pins of diallers that are trusted, or the authority that has signed their certificates. */
  readonly allowKey?: readonly string[] | undefined;
  readonly clientCa?: string | undefined;
  /** The pins of exposers that are trusted, or the authority that has signed their certificates. */
  readonly peerKey?: readonly string[] | undefined;
  readonly peerCa?: string | undefined;
}

/**
 * Reads the files. Returns undefined where no identity is named.
 * @throws CommandError for options that lack each other, and for a file that cannot be read or used
 */
export async function readEndToEnd(files: EndToEndFiles): Promise<EndToEndOptions | undefined> {
  const { identity, allowKey, clientCa, peerKey, peerCa } = files;
  const pins = allowKey ?? peerKey;
  const caFile = clientCa ?? peerCa;
  if (identity === undefined) {
    if (pins === undefined && caFile === undefined) return undefined;
    throw new CommandError(`${givenNames(files)} needs --identity FILE, which says who this side is`, ExitCode.usage);
  }
  if (pins !== undefined && caFile !== undefined)
    throw new CommandError(`${givenNames(files)} exclude each other`, ExitCode.usage);
  if (pins === undefined && caFile === undefined) {
    const message = "--identity needs the other side's key (--peer-key, at an exposer --allow-key), or the CA that has";
    throw new CommandError(`${message} signed its certificate (--peer-ca, at an exposer --client-ca)`, ExitCode.usage);
  }
  const pem = await readIdentity(identity, "--identity");
  const trust = caFile === undefined ? { pins: pins ?? [] } : { ca: await readCertificates(caFile, givenNames(files)) };
  const options: EndToEndOptions = { cert: pem, key: pem, ...trust };
  try {
    checkEndToEnd(options);
  } catch (error) {
    const about = { cert: identity, key: identity, ca: caFile ?? "" };
    const reason = reasonOf(error).replace(/^endToEnd\.(cert|key|ca)/, (_, name: keyof typeof about) => about[name]);
    const exitCode = reason.includes("is no pin") ? ExitCode.usage : ExitCode.unreadable;
    throw new CommandError(`end-to-end TLS cannot be used: ${reason}`, exitCode, { cause: error });
  }
  return options;
}

function givenNames({ allowKey, clientCa, peerKey, peerCa }: EndToEndFiles): string {
  const given = { "--allow-key": allowKey, "--client-ca": clientCa, "--peer-key": peerKey, "--peer-ca": peerCa };
  return Object.entries(given)
    .flatMap(([name, value]) => (value === undefined ? [] : [name]))
    .join(" and ");
}
