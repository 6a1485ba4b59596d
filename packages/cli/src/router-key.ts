/** The key that tokens are signed with: given by file or environment, or that of this machine. */
import { ensureLocalKey, localKeyPath, minSecretBytes, readLocalKey } from "@trunkline/router";
import { CommandError, reasonOf } from "./command-error.js";
import type { Context, Environment } from "./context.js";
import { ExitCode } from "./exit-codes.js";
import { readSmallFile } from "./secret-file.js";

/** Options of commands that sign tokens. */
export interface KeyOptions {
  readonly keyFile?: string | undefined;
}

const advice = "make one with: trunkline key";

/**
 * Returns the key in `--key-file`, else that in `ROUTER_KEY`; undefined where neither is given. The bytes of the file
 * are the secret, without one line end, which editors add. `ROUTER_KEY` is taken as it is, as Jumpstarter's router
 * takes it; one that is too short brings a warning.
 * @throws CommandError for a file that cannot be read or whose key is too short, and for an empty `ROUTER_KEY`
 */
export async function givenKey(
  { keyFile }: KeyOptions,
  { env, output }: Pick<Context, "env" | "output">,
): Promise<Uint8Array | undefined> {
  if (keyFile !== undefined) return readKeyFile(keyFile);
  const value = env["ROUTER_KEY"];
  if (value === undefined) return undefined;
  const key = Buffer.from(value, "utf8");
  if (key.length === 0) throw new CommandError("ROUTER_KEY is empty; give a key or unset it", ExitCode.usage);
  if (key.length < minSecretBytes) {
    const why = `a key of less than ${minSecretBytes} can be guessed`;
    const event = { event: "short-key", bytes: key.length, minBytes: minSecretBytes };
    output.note("warn", event, `ROUTER_KEY has ${key.length} bytes, and ${why}; ${advice}`);
  }
  return key;
}

async function readKeyFile(path: string): Promise<Uint8Array> {
  const content = await readSmallFile(path, "the key file");
  const lineEnd = /\r?\n$/.exec(content.toString("latin1"))?.[0].length ?? 0;
  const key = content.subarray(0, content.length - lineEnd);
  if (key.length >= minSecretBytes) return key;
  const message = `the key in ${path} has ${key.length} bytes, and at least ${minSecretBytes} are needed`;
  throw new CommandError(`${message}; ${advice} >${path}`, ExitCode.unreadable);
}

/**
 * Returns the key of this machine, for routers that are given none. `make` makes it where there is none yet; it stays
 * when a router ends, so that the tokens it has signed stay good.
 * @throws CommandError when its file is damaged, or other users can read it, or it cannot be written
 */
export async function localKey(env: Environment, make: boolean): Promise<string | undefined> {
  const path = localKeyPath(env);
  try {
    return await (make ? ensureLocalKey(path) : readLocalKey(path));
  } catch (error) {
    throw new CommandError(`cannot use the key of this machine: ${reasonOf(error)}`, ExitCode.unreadable, {
      cause: error,
    });
  }
}
