/**
 * The files of `trunkline cert`: keys are their owner's alone, and nothing that exists is replaced unless that is asked
 * for.
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { access } from "node:fs/promises";
import { dirname, join } from "node:path";
import { makeFolder } from "@trunkline/base/node";
import { CommandError, reasonOf } from "../command-error.js";
import { ExitCode } from "../exit-codes.js";
import { readSmallFile } from "../secret-file.js";
import { writeFileWhole } from "../write-file.js";
import type { Issued } from "./issue.js";
import { certificateProblem, privateKeyProblem } from "./pem.js";

/** A file that is to be written. */
export interface NewFile {
  readonly path: string;
  readonly text: string;
  /** True for a file that only its owner may read. */
  readonly isSecret: boolean;
}

/** Writes all files, or none where one of them exists and `force` is false. @throws CommandError */
export async function writeFiles(files: readonly NewFile[], force: boolean): Promise<void> {
  for (const { path } of files) {
    if (!force && (await exists(path)))
      throw new CommandError(`${path} exists already; --force replaces it`, ExitCode.cannotCreate);
    const folder = dirname(path);
    await makeFolder(folder).catch((error: unknown) => {
      const at = (error as NodeJS.ErrnoException).path ?? folder;
      const message = `cannot make the folder ${at}: ${reasonOf(error)}`;
      throw new CommandError(message, ExitCode.cannotCreate, { cause: error });
    });
  }
  for (const { path, text, isSecret } of files)
    await writeFileWhole(path, text, { mode: isSecret ? 0o600 : 0o644, replace: force });
}

export function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Returns the paths of the authority of a folder. */
export function authorityPaths(folder: string): { readonly certificate: string; readonly key: string } {
  return { certificate: join(folder, "ca.pem"), key: join(folder, "ca.key") };
}

/** Reads the authority of a folder. @throws CommandError where it is not whole, or cannot be used */
export async function readAuthority(folder: string): Promise<Issued> {
  const paths = authorityPaths(folder);
  const certificatePem = await readSmallFile(paths.certificate, "the authority in");
  const keyPem = await readSmallFile(paths.key, "the authority's key in");
  const problem = certificateProblem(certificatePem);
  if (problem !== undefined) throw new CommandError(`${paths.certificate} ${problem}`, ExitCode.unreadable);
  const keyProblem = privateKeyProblem(keyPem);
  if (keyProblem !== undefined) throw new CommandError(`${paths.key} ${keyProblem}`, ExitCode.unreadable);
  try {
    const certificate = new X509Certificate(certificatePem);
    const key = createPrivateKey(keyPem);
    if (!certificate.ca) throw new Error(`the certificate in ${paths.certificate} is none of an authority`);
    if (!certificate.checkPrivateKey(key)) throw new Error(`${paths.key} is not the key of ${paths.certificate}`);
    return { certificate, key };
  } catch (error) {
    throw new CommandError(`cannot use the authority in ${folder}: ${reasonOf(error)}`, ExitCode.unreadable, {
      cause: error,
    });
  }
}

/** Returns the key as PEM (PKCS #8). */
export function keyPem({ key }: Issued): string {
  return key.export({ type: "pkcs8", format: "pem" }).toString();
}
