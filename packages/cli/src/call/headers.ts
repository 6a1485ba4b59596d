/** The metadata of a call as the command line gives it. */
import { Buffer } from "node:buffer";
import { readFile } from "node:fs/promises";
import { Metadata, MetadataError, reservedKeyReason } from "@trunkline/metadata";
import { CommandError, reasonOf } from "../command-error.js";
import { ExitCode } from "../exit-codes.js";

/**
 * Returns the metadata of `--header` options: `key: value`, the value in base64 for a key that ends in `-bin`, or
 * `@FILE` with such lines, so that no secret need be an argument. @throws CommandError
 */
export async function headersOf(given: readonly string[]): Promise<Metadata> {
  const metadata = new Metadata();
  for (const text of given) for (const line of await linesOf(text)) add(metadata, line);
  return metadata;
}

async function linesOf(text: string): Promise<readonly string[]> {
  if (!text.startsWith("@")) return [text];
  try {
    const lines = (await readFile(text.slice(1), "utf8")).split(/\r?\n/);
    return lines.filter((line) => line.trim() !== "");
  } catch (error) {
    const message = `cannot read the headers in ${text.slice(1)}: ${reasonOf(error)}`;
    throw new CommandError(message, ExitCode.unreadable, { cause: error });
  }
}

function add(metadata: Metadata, line: string): void {
  const colon = line.indexOf(":");
  // The value may be a secret, so that it is never shown.
  if (colon < 1) throw new CommandError("--header has no colon between its key and its value", ExitCode.usage);
  const key = line.slice(0, colon).trim();
  const value = line.slice(colon + 1).trim();
  const refuse = (why: string): never => {
    throw new CommandError(`--header ${JSON.stringify(key)} ${why}`, ExitCode.usage);
  };
  const reserved = reservedKeyReason(key);
  if (reserved !== undefined) refuse(reserved);
  if (!key.toLowerCase().endsWith("-bin")) return void appended(() => metadata.append(key, value), refuse);
  if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(value)) refuse("ends in -bin, and its value is no base64");
  appended(() => metadata.append(key, Uint8Array.from(Buffer.from(value, "base64"))), refuse);
}

function appended(append: () => unknown, refuse: (why: string) => never): void {
  try {
    append();
  } catch (error) {
    if (error instanceof MetadataError) refuse(`cannot be sent: ${error.message}`);
    throw error;
  }
}
