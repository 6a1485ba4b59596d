/** Certificates and their keys in files, those of a router and those that a client shows. */
import { createSecureContext, type SecureContextOptions } from "node:tls";
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
      ...(clientCa === undefined ? [] : [await readCertificates(clientCa)]),
    ],
    parse([cert, key, ca]) {
      const tls: SecureContextOptions = { cert, key, ...(ca !== undefined && { ca }) };
      try {
        createSecureContext(tls);
      } catch (error) {
        const also = clientCa === undefined ? "" : ` and the authorities in ${clientCa}`;
        const message = `cannot use the certificate in ${tlsCert} with the key in ${tlsKey}${also}: ${reasonOf(error)}`;
        throw new CommandError(message, ExitCode.unreadable, { cause: error });
      }
      return tls;
    },
  };
}

/** Reads certificates in PEM. @throws CommandError */
export async function readCertificates(path: string): Promise<Buffer> {
  const ca = await readSmallFile(path, "the certificates in");
  // Node ignores text that is no certificate, and would then trust no certificate, without an error.
  if (!ca.includes("-----BEGIN CERTIFICATE-----"))
    throw new CommandError(`${path} holds no certificate in PEM`, ExitCode.unreadable);
  return ca;
}
