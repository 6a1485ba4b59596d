/** The file that the demo moves: of the size that was asked for, of bytes that do not compress, with its checksum. */
import { createHash, randomFillSync } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CommandError, reasonOf } from "../command-error.js";
import { ExitCode } from "../exit-codes.js";

/** The size of the pieces in which the file is made and written, so that the memory does not depend on its size. */
const pieceBytes = 1024 * 1024;

/** The file and its checksum. */
export interface SampleFile extends Disposable {
  readonly path: string;
  readonly bytes: number;
  /** The SHA-256 of the file, in hexadecimal. */
  readonly sha256: string;
}

/**
 * Makes the file in a temporary folder of its own, which disposing removes. The end of the process removes it too,
 * however it ends short of being killed.
 * @throws CommandError when it cannot be written, the signal's reason when it aborts
 */
export async function makeSampleFile(bytes: number, signal: AbortSignal): Promise<SampleFile> {
  const { folder, remove } = temporaryFolder();
  const path = join(folder, "sample.bin");
  try {
    const hash = createHash("sha256");
    await using file = await open(path, "wx", 0o600);
    for (let written = 0; written < bytes; ) {
      signal.throwIfAborted();
      const piece = randomFillSync(Buffer.allocUnsafe(Math.min(pieceBytes, bytes - written)));
      hash.update(piece);
      await file.writeFile(piece);
      written += piece.length;
    }
    return { path, bytes, sha256: hash.digest("hex"), [Symbol.dispose]: remove };
  } catch (error) {
    remove();
    if (signal.aborted) throw signal.reason;
    throw new CommandError(`cannot write ${path}: ${reasonOf(error)}`, ExitCode.cannotCreate, { cause: error });
  }
}

function temporaryFolder(): { folder: string; remove: () => void } {
  const parent = tmpdir();
  let folder: string;
  try {
    folder = mkdtempSync(join(parent, "trunkline-"));
  } catch (error) {
    throw new CommandError(`cannot make a temporary folder in ${parent}: ${reasonOf(error)}`, ExitCode.cannotCreate, {
      cause: error,
    });
  }
  const remove = (): void => {
    process.off("exit", remove);
    rmSync(folder, { recursive: true, force: true });
  };
  process.on("exit", remove);
  return { folder, remove };
}
