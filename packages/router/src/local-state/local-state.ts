/**
 * The file in which a router on this machine leaves what is needed to use it without configuration: endpoint, token and key. It holds secrets, so it
 * is written for its owner alone, and not believed if anybody else could have read or written it.
 */
import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, lstat, mkdir, open, rename, unlink } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

/** What a local router leaves. */
export interface LocalState {
  /** Where it listens, for a client. */
  readonly endpoint: string;
  /** For its exchange. */
  readonly token: string;
  /** With which it signs: base64url. The next router takes it over, so that tokens stay good across a restart. */
  readonly key: string;
  /** Its process. */
  readonly pid: number;
}

/** A file that is not to be believed, or not to be read. */
export class LocalStateError extends Error {
  override name = "LocalStateError";
  readonly code = "LOCAL_STATE";
  readonly path: string;

  constructor(path: string, problem: string, cause?: unknown) {
    super(`${path} ${problem}`, cause === undefined ? undefined : { cause });
    this.path = path;
  }
}

/** A larger file is something else. */
const maxFileBytes = 65_536;

/** `$XDG_RUNTIME_DIR/trunkline/router.json`; `~/.local/state/trunkline/router.json` where there is none. */
export function localStatePath(env: Readonly<Record<string, string | undefined>> = process.env): string {
  const runtime = env.XDG_RUNTIME_DIR;
  const folder = runtime?.startsWith("/") ? runtime : join(env.HOME ?? homedir(), ".local", "state");
  return join(folder, "trunkline", "router.json");
}

/** A key for a router: 32 random bytes. */
export function newRouterKey(): Uint8Array {
  return new Uint8Array(randomBytes(32));
}

/**
 * What a local router has left; undefined if there is no file. `alive`: whether its process still runs.
 * @throws LocalStateError for a file or folder that others can read or write, that is another user's, or that holds something else
 */
export async function readLocalState(
  path: string = localStatePath(),
): Promise<{ readonly state: LocalState; readonly alive: boolean } | undefined> {
  let file: FileHandle;
  try {
    // Not through a link: whoever made it would choose what is read.
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new LocalStateError(
      path,
      code === "ELOOP" ? "is a link, which is not followed" : `cannot be read (${code})`,
      error,
    );
  }
  try {
    await checkFolder(dirname(path));
    const info = await file.stat();
    if (!info.isFile()) throw new LocalStateError(path, "is no file");
    checkOwner(path, info, 0o077, "can be read or written by others");
    if (info.size > maxFileBytes)
      throw new LocalStateError(path, `is larger than ${maxFileBytes} bytes, so not what a router leaves`);
    const state = parse(path, await file.readFile("utf8"));
    return { state, alive: isAlive(state.pid) };
  } finally {
    await file.close();
  }
}

/**
 * Leaves `state` for others of this user, at once and whole. Gives the path.
 * @throws LocalStateError for a folder that is another user's or that others can write to; Node's error where it cannot be written
 */
export async function writeLocalState(state: LocalState, path: string = localStatePath()): Promise<string> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await checkFolder(folder);
  const temporary = join(folder, `.router-${randomBytes(8).toString("hex")}`);
  const file = await open(temporary, "wx", 0o600);
  try {
    try {
      const { endpoint, token, key, pid } = state;
      await file.writeFile(`${JSON.stringify({ endpoint, token, key, pid }, undefined, 2)}\n`);
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => {});
    throw error;
  }
  return path;
}

/** Takes the file away if it is that of the router in process `pid`; another one's stays. Never rejects for a file that is not there. */
export async function removeLocalState(pid: number, path: string = localStatePath()): Promise<void> {
  const found = await readLocalState(path);
  if (found?.state.pid === pid) await unlink(path);
}

async function checkFolder(folder: string): Promise<void> {
  const info = await lstat(folder);
  if (!info.isDirectory()) throw new LocalStateError(folder, "is no folder");
  checkOwner(folder, info, 0o022, "can be written to by others, who could put another router's address there");
}

/** On Windows there are no modes, and the folder is the user's own. */
function checkOwner(path: string, { uid, mode }: { uid: number; mode: number }, forbidden: number, what: string): void {
  const own = process.getuid?.();
  if (own === undefined) return;
  if (uid !== own) throw new LocalStateError(path, `belongs to user ${uid}, not to you (${own})`);
  if ((mode & forbidden) !== 0) {
    const octal = (mode & 0o777).toString(8).padStart(4, "0");
    throw new LocalStateError(
      path,
      `${what} (mode ${octal}): use chmod go-rwx on it, and start the router again if somebody may have done so`,
    );
  }
}

function parse(path: string, text: string): LocalState {
  let found: Partial<Record<keyof LocalState, unknown>>;
  try {
    found = JSON.parse(text) as typeof found;
  } catch {
    throw new LocalStateError(path, "is not what a router leaves: it is no JSON");
  }
  const { endpoint, token, key, pid } = found ?? {};
  const texts = [endpoint, token, key].every((value) => typeof value === "string" && value !== "");
  if (!texts || !Number.isInteger(pid) || (pid as number) < 1) {
    throw new LocalStateError(path, "is not what a router leaves: endpoint, token, key or pid is missing");
  }
  return { endpoint, token, key, pid } as LocalState;
}

/** True also for a process of another user's, which may not be signalled. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
