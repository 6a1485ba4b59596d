/** Writes a file whole or not at all. */
import { randomBytes } from "node:crypto";
import { link, rename, rm, writeFile } from "node:fs/promises";
import { CommandError, reasonOf, systemCode } from "./command-error.js";
import { ExitCode } from "./exit-codes.js";

/**
 * Writes a file under another name, and then moves it to its own. @throws CommandError, also for a file that exists
 * where `replace` is false
 */
export async function writeFileWhole(
  path: string,
  text: string,
  { mode, replace }: { readonly mode: number; readonly replace: boolean },
): Promise<void> {
  const temporary = `${path}.${randomBytes(8).toString("hex")}`;
  try {
    await writeFile(temporary, text, { mode, flag: "wx" });
    if (replace) await rename(temporary, path);
    else await link(temporary, path);
  } catch (error) {
    const reason = systemCode(error) === "EEXIST" ? "it exists already" : reasonOf(error);
    throw new CommandError(`cannot write ${path}: ${reason}`, ExitCode.cannotCreate, { cause: error });
  } finally {
    await rm(temporary, { force: true }).catch(() => {});
  }
}
