/**
 * TLS of a command to its router: the authorities that it trusts, and the certificate that it shows. The files are read
 * for each new connection, since they may be renewed; while they cannot be used, what they were stays.
 */
import type { ConnectionOptions } from "node:tls";
import { certificateFiles, readCertificates } from "./certificates.js";
import { CommandError, reasonOf } from "./command-error.js";
import type { Context } from "./context.js";
import { ExitCode } from "./exit-codes.js";
import { canReadAgain, loadFiles } from "./operation/file-watch.js";

/** Options of TLS to a router. */
export interface ClientTlsOptions {
  /** A file with certificates in PEM. It asks for TLS, trusting these. */
  readonly tlsCa?: string | undefined;
  /** The files of a certificate that is shown to the router, and of its key. */
  readonly tlsCert?: string | undefined;
  readonly tlsKey?: string | undefined;
  readonly plaintext?: boolean | undefined;
}

/** Returns the TLS options of the next connection. It never rejects. */
export type ClientTls = () => Promise<ConnectionOptions>;

/**
 * Returns TLS as the options ask for it, undefined for the default.
 * @throws CommandError for options that exclude each other, and files that cannot be used
 */
export async function clientTls(
  options: ClientTlsOptions,
  { output }: Pick<Context, "output">,
): Promise<ClientTls | undefined> {
  const { tlsCa, tlsCert, plaintext } = options;
  const given = Object.entries({ "--tls-ca": tlsCa, "--tls-cert": tlsCert }).find(([, file]) => file !== undefined);
  if (given !== undefined && plaintext === true)
    throw new CommandError(`${given[0]} and --plaintext exclude each other`, ExitCode.usage);
  let last = await read(options);
  if (last === undefined) return undefined;
  const paths = [tlsCa, tlsCert, options.tlsKey].filter((path) => path !== undefined);
  if (!(await canReadAgain(paths))) return async () => ({ ...last });
  let told: string | undefined;
  return async () => {
    try {
      last = (await read(options)) ?? last;
      told = undefined;
    } catch (error) {
      const reason = reasonOf(error);
      if (reason !== told)
        output.note("warn", { event: "certificate-unusable", error: reason }, `${reason}; the last one stays`);
      told = reason;
    }
    return { ...last };
  };
}

/** Reads the files. @throws CommandError */
async function read({ tlsCa, tlsCert, tlsKey }: ClientTlsOptions): Promise<ConnectionOptions | undefined> {
  const certificate = certificateFiles({ tlsCert, tlsKey });
  if (tlsCa === undefined && certificate === undefined) return undefined;
  return {
    ...(tlsCa !== undefined && { ca: await readCertificates(tlsCa, "--tls-ca") }),
    ...(certificate !== undefined && (await loadFiles(certificate)).value),
  };
}
