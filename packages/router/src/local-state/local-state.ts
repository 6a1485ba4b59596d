/**
 * The file in which a router on this machine leaves what is needed to use it without configuration: endpoint and token.
 * It belongs to the router that has written it.
 */
import { unlink } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { LocalStateError, readOwnerFile, writeOwnerFile } from "./owner-file.js";

/** The content of the file of a local router. */
export interface LocalState {
  /** The endpoint for clients on this machine. */
  readonly endpoint: string;
  /** A token for the router's exchange. */
  readonly token: string;
  /** The number of the router's process. */
  readonly pid: number;
}

/**
 * Returns `$XDG_RUNTIME_DIR/trunkline/router.json`, or `~/.local/state/trunkline/router.json` where there is no runtime
 * folder.
 */
export function localStatePath(env: Readonly<Record<string, string | undefined>> = process.env): string {
  const runtime = env.XDG_RUNTIME_DIR;
  const folder = runtime?.startsWith("/") ? runtime : join(env.HOME ?? homedir(), ".local", "state");
  return join(folder, "trunkline", "router.json");
}

/**
 * Returns what a local router has left, and whether its process still runs (`alive`); undefined if there is no file.
 * @throws LocalStateError for a file or folder that others can read or write, that belongs to another user, or that
 * holds something else
 */
export async function readLocalState(
  path: string = localStatePath(),
): Promise<{ readonly state: LocalState; readonly alive: boolean } | undefined> {
  const text = await readOwnerFile(path);
  if (text === undefined) return undefined;
  const state = parse(path, text);
  return { state, alive: isAlive(state.pid) };
}

/**
 * Writes the file for others of this user, whole or not at all, and returns its path. A file that is there is replaced.
 * @throws LocalStateError for a folder that belongs to another user or that others can write to; Node's error where it
 * cannot be written
 */
export async function writeLocalState(state: LocalState, path: string = localStatePath()): Promise<string> {
  const { endpoint, token, pid } = state;
  await writeOwnerFile(path, `${JSON.stringify({ endpoint, token, pid }, undefined, 2)}\n`, true);
  return path;
}

/** Removes the file if it still holds `state`; the file of another router stays. A missing file is no error. */
export async function removeLocalState(state: LocalState, path: string = localStatePath()): Promise<void> {
  const found = await readLocalState(path);
  if (found === undefined) return;
  const { endpoint, token, pid } = found.state;
  if (endpoint === state.endpoint && token === state.token && pid === state.pid) await unlink(path);
}

function parse(path: string, text: string): LocalState {
  let found: Partial<Record<keyof LocalState, unknown>> | null;
  try {
    found = JSON.parse(text) as typeof found;
  } catch {
    throw new LocalStateError(path, "is not what a router leaves: it is no JSON");
  }
  const { endpoint, token, pid } = found ?? {};
  const texts = [endpoint, token].every((value) => typeof value === "string" && value !== "");
  if (!texts || !Number.isInteger(pid) || (pid as number) < 1)
    throw new LocalStateError(path, "is not what a router leaves: endpoint, token or pid is missing");
  return { endpoint, token, pid } as LocalState;
}

/** Returns true for a process that runs, also for one of another user, which may not be signalled. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
