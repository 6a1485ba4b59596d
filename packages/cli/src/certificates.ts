/** Certificates and their keys in files, those of a router and those that a client shows. */
import { createSecureContext, type SecureContextOptions } from "node:tls";
import { belongTogether, certificateProblem, privateKeyProblem } from "./certificate/pem.js";
import { CommandError, reasonOf } from "./command-error.js";
import { ExitCode } from "./exit-codes.js";
import type { FileSource } from "./operation/file-watch.js";
import { readSmallFile } from "./secret-file.js";

/** The files of a certificate and its key, and of the authorities of client certificates. */
export interface TlsFiles {
  readonly tlsCert?: string | undefined;
  readonly tlsKey?: string | undefined;
  readonly clientCa?: string | undefined;
}

/**
 * Returns the certificate and its key as a source of files, or undefined where none are named. @throws CommandError for
 * one file without the other
 */
export function certificateFiles({
  tlsCert,
  tlsKey,
  clientCa,
}: TlsFiles): FileSource<SecureContextOptions> | undefined {
  if (tlsCert === undefined && tlsKey === undefined) {
    if (clientCa === undefined) return undefined;
    throw new CommandError("--client-ca needs --tls-cert and --tls-key", ExitCode.usage);
  }
  if (tlsCert === undefined || tlsKey === undefined)
    throw new CommandError("--tls-cert and --tls-key go together", ExitCode.usage);
  return {
    paths: [tlsCert, tlsKey, ...(clientCa === undefined ? [] : [clientCa])],
    read: async () => [
      await readSmallFile(tlsCert, "the certificate in"),
      await readSmallFile(tlsKey, "the private key in"),
      ...(clientCa === undefined ? [] : [await readSmallFile(clientCa, "the certificates in")]),
    ],
    parse(contents) {
      const [cert, key, ca] = contents as readonly [Buffer, Buffer, Buffer | undefined];
      refuse("--tls-cert", tlsCert, certificateProblem(cert));
      refuse("--tls-key", tlsKey, privateKeyProblem(key));
      refuse("--tls-key", tlsKey, belongTogether(cert, key) ? undefined : `is not the key of --tls-cert ${tlsCert}`);
      if (ca !== undefined) refuse("--client-ca", clientCa as string, certificateProblem(ca));
      const tls: SecureContextOptions = { cert, key, ...(ca !== undefined && { ca }) };
      try {
        createSecureContext(tls);
      } catch (error) {
        const reason = reasonOf(error).replace(/^error:[^:]*:[^:]*:[^:]*:/, "");
        const message = `--tls-cert ${tlsCert} and --tls-key ${tlsKey} cannot be used: ${reason}`;
        throw new CommandError(message, ExitCode.unreadable, { cause: error });
      }
      return tls;
    },
  };
}

/** Reads the certificates in PEM that an option names. @throws CommandError that names the option, and what is wrong */
export async function readCertificates(path: string, option: string): Promise<Buffer> {
  const ca = await readSmallFile(path, "the certificates in");
  // Node ignores text that is no certificate, and would then trust no certificate, without an error.
  refuse(option, path, certificateProblem(ca));
  return ca;
}

/**
 * Reads the certificate and its key in one file that an option names, as `trunkline cert peer` writes it.
 * @throws CommandError that names the option, and what is wrong
 */
export async function readIdentity(path: string, option: string): Promise<Buffer> {
  const pem = await readSmallFile(path, "the identity in");
  refuse(option, path, certificateProblem(pem) ?? privateKeyProblem(pem));
  refuse(option, path, belongTogether(pem, pem) ? undefined : "holds a key that is not that of its certificate");
  return pem;
}

/** @throws CommandError where there is a problem, which follows the option and its file */
function refuse(option: string, path: string, problem: string | undefined): void {
  if (problem !== undefined) throw new CommandError(`${option} ${path} ${problem}`, ExitCode.unreadable);
}
