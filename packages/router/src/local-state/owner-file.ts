/**
 * Files with secrets: written for their owner alone, and not believed if another user could have read or written them.
 */
import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, link, lstat, open, rename, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { makeFolder } from "@trunkline/base/node";

/** A file of the local router that cannot be read or must not be believed. */
export class LocalStateError extends Error {
  override name = "LocalStateError";
  readonly code = "LOCAL_STATE";
  readonly path: string;

  constructor(path: string, problem: string, cause?: unknown) {
    super(`${path} ${problem}`, cause === undefined ? undefined : { cause });
    this.path = path;
  }
}

/** The largest file that is read: more than a router ever writes. */
const maxFileBytes = 65_536;

/**
 * Returns the text of a file of this user's; undefined if there is none.
 * @throws LocalStateError for a file or folder that others can read or write, or that belongs to another user
 */
export async function readOwnerFile(path: string): Promise<string | undefined> {
  let file: FileHandle;
  try {
    // Links are not followed: their maker would choose the file that is read.
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    const problem = code === "ELOOP" ? "is a link, which is not followed" : `cannot be read (${code})`;
    throw new LocalStateError(path, problem, error);
  }
  try {
    await checkFolder(dirname(path));
    const info = await file.stat();
    if (!info.isFile()) throw new LocalStateError(path, "is no file");
    checkOwner(path, info, 0o077, "can be read or written by others");
    if (info.size > maxFileBytes)
      throw new LocalStateError(path, `is larger than ${maxFileBytes} bytes, so no router has written it`);
    return await file.readFile("utf8");
  } finally {
    await file.close();
  }
}

/**
 * Writes a file that only this user may read (mode 0600), whole or not at all, into a folder that is made where it is
 * missing.
 * @param replace false leaves a file that exists already as it is
 * @returns false if there was a file and it was left
 * @throws LocalStateError for a folder that belongs to another user or that others can write to; Node's error where it
 * cannot be written
 */
export async function writeOwnerFile(path: string, text: string, replace: boolean): Promise<boolean> {
  const folder = dirname(path);
  await makeFolder(folder, 0o700);
  await checkFolder(folder);
  const temporary = join(folder, `.router-${randomBytes(8).toString("hex")}`);
  const file = await open(temporary, "wx", 0o600);
  try {
    try {
      await file.writeFile(text);
    } finally {
      await file.close();
    }
    if (replace) {
      await rename(temporary, path);
      return true;
    }
    // Unlike a renaming, a link fails where a file has come meanwhile.
    return await link(temporary, path).then(
      () => true,
      (error: NodeJS.ErrnoException) => (error.code === "EEXIST" ? false : Promise.reject(error)),
    );
  } finally {
    await unlink(temporary).catch(() => {}); // it is gone where it was renamed
  }
}

async function checkFolder(folder: string): Promise<void> {
  const info = await lstat(folder);
  if (!info.isDirectory()) throw new LocalStateError(folder, "is no folder");
  checkOwner(folder, info, 0o022, "can be written to by others, who could put another router's address there");
}

/** Checks the owner and the mode. Windows has no modes, and the folder is the user's own there. */
function checkOwner(path: string, { uid, mode }: { uid: number; mode: number }, forbidden: number, what: string): void {
  const own = process.getuid?.();
  if (own === undefined) return;
  if (uid !== own) throw new LocalStateError(path, `belongs to user ${uid}, not to you (${own})`);
  if ((mode & forbidden) !== 0) {
    const octal = (mode & 0o777).toString(8).padStart(4, "0");
    const advice = "use chmod go-rwx on it, and start the router again if another user may have changed it";
    throw new LocalStateError(path, `${what} (mode ${octal}): ${advice}`);
  }
}
