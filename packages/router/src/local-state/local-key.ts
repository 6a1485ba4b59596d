/**
 * The key of the routers of this user on this machine, in a file of its own that outlives them: a token stays good when
 * a router ends and another one begins.
 */
import { randomBytes } from "node:crypto";
import { homedir } from "node:os";
import { join } from "node:path";
import { minSecretBytes } from "../token/key-ring.js";
import { LocalStateError, readOwnerFile, writeOwnerFile } from "./owner-file.js";

/** Returns `$XDG_STATE_HOME/trunkline/router.key`, or `~/.local/state/trunkline/router.key`. */
export function localKeyPath(env: Readonly<Record<string, string | undefined>> = process.env): string {
  const state = env.XDG_STATE_HOME;
  const folder = state?.startsWith("/") ? state : join(env.HOME ?? homedir(), ".local", "state");
  return join(folder, "trunkline", "router.key");
}

/** Returns a new key for a router: 32 random bytes. */
export function newRouterKey(): Uint8Array {
  return new Uint8Array(randomBytes(minSecretBytes));
}

/**
 * Returns a new key as text, for a file or an environment variable: 32 random bytes in base64url. The text is the
 * secret.
 */
export function newRouterKeyText(): string {
  return randomBytes(minSecretBytes).toString("base64url");
}

/**
 * Returns the key in the file, which is its text without one line end; undefined if there is no file.
 * @throws LocalStateError for a file or folder that others can read or write, that belongs to another user, or whose
 * key is too short
 */
export async function readLocalKey(path: string = localKeyPath()): Promise<string | undefined> {
  const text = (await readOwnerFile(path))?.replace(/\r?\n$/, "");
  if (text === undefined) return undefined;
  const bytes = Buffer.byteLength(text);
  if (bytes < minSecretBytes)
    throw new LocalStateError(path, `holds a key of ${bytes} bytes, less than ${minSecretBytes}`);
  return text;
}

/**
 * Returns the key in the file, and makes both where there are none. Two routers that begin at once get the same key.
 * @throws as `readLocalKey`; Node's error where the file cannot be written
 */
export async function ensureLocalKey(path: string = localKeyPath()): Promise<string> {
  const found = await readLocalKey(path);
  if (found !== undefined) return found;
  const made = newRouterKeyText();
  if (await writeOwnerFile(path, `${made}\n`, false)) return made;
  const others = await readLocalKey(path);
  if (others === undefined) throw new LocalStateError(path, "was removed while it was read");
  return others;
}
