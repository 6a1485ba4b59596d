/** A folder for a Unix socket that is removed afterwards. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A path in a folder of its own that only this user may enter. */
export interface TemporaryPath extends AsyncDisposable {
  readonly path: string;
  /** Removes the folder and what is in it. Idempotent. */
  remove(): Promise<void>;
}

/** The bytes of `sun_path`, less its final zero, on the system with the fewest (macOS). */
const maxSocketPathBytes = 103;

/**
 * Makes a folder (mode 0700) below `folder`, by default the system's folder for temporary files, and returns a path for
 * a socket in it.
 *
 * ```ts
 * await using place = await temporarySocketPath();
 * await using listener = await listenUnix(place.path);
 * ```
 * @throws RangeError if the path would be longer than 103 bytes, which some systems refuse for a socket
 */
export async function temporarySocketPath(folder: string = tmpdir()): Promise<TemporaryPath> {
  const prefix = join(folder, "trunkline-");
  const bytes = Buffer.byteLength(join(`${prefix}XXXXXX`, "socket"));
  if (bytes > maxSocketPathBytes) {
    throw new RangeError(
      `a socket's path of ${bytes} bytes in ${folder} is longer than every system takes (${maxSocketPathBytes})`,
    );
  }
  const own = await mkdtemp(prefix);
  const remove = (): Promise<void> => rm(own, { recursive: true, force: true });
  return { path: join(own, "socket"), remove, [Symbol.asyncDispose]: remove };
}
