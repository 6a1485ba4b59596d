/** The key that tokens are signed with: given by file or environment, else that of this machine's router. */
import { localStatePath, readLocalState } from "@trunkline/router";
import { CommandError, reasonOf } from "./command-error.js";
import { ExitCode } from "./exit-codes.js";
import { readSecretFile } from "./secret-file.js";

export type Environment = Readonly<Record<string, string | undefined>>;

export interface KeyOptions {
  readonly keyFile?: string | undefined;
}

/**
 * The key in `--key-file`, else in `ROUTER_KEY` (as Jumpstarter's router has it): its text is the secret. Undefined where none is given.
 * @throws CommandError
 */
export async function givenKey(options: KeyOptions, env: Environment): Promise<string | undefined> {
  if (options.keyFile !== undefined) return readSecretFile(options.keyFile, "the key file");
  const value = env["ROUTER_KEY"];
  if (value === undefined) return undefined;
  if (value.trim() === "") throw new CommandError("ROUTER_KEY is empty; give a key or unset it", ExitCode.usage);
  return value.trim();
}

export interface LocalRouter {
  readonly endpoint: string;
  readonly token: string;
  readonly pid: number;
  readonly key: Uint8Array;
  /** Its process lives. */
  readonly alive: boolean;
}

/** What the file of this machine's router says. @throws CommandError when it is damaged, or others can read it */
export async function localRouter(env: Environment): Promise<LocalRouter | undefined> {
  try {
    const found = await readLocalState(localStatePath(env));
    if (found === undefined) return undefined;
    const { endpoint, token, pid, key } = found.state;
    return { endpoint, token, pid, key: Buffer.from(key, "base64url"), alive: found.alive };
  } catch (error) {
    throw new CommandError(`cannot use the file of the local router: ${reasonOf(error)}`, ExitCode.unreadable, {
      cause: error,
    });
  }
}
