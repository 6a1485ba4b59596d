/** `trunkline key`: a new key, for routers on other machines, for several that share one, and for a rotation. */
import { randomBytes } from "node:crypto";
import { keysOfSet, newRouterKeyText } from "@trunkline/router";
import { refuseClosedOutput } from "../closed-output.js";
import { CommandError, reasonOf, systemCode } from "../command-error.js";
import type { Context } from "../context.js";
import { ExitCode } from "../exit-codes.js";
import { keysIn, looksLikeSet, readKeyFile } from "../router-key.js";
import { writeFileWhole } from "../write-file.js";

/** Options of `trunkline key`. */
export interface NewKeyOptions {
  /** The id of the key. With one the output is a JWK Set. */
  readonly id?: string;
  readonly alg?: keyof typeof secretBytes;
  /** The file whose keys the new one is put before. */
  readonly into?: string;
}

/** The bytes of a new secret for each algorithm: those of its hash. */
const secretBytes = { HS256: 32, HS384: 48, HS512: 64 } as const;

interface KeySet {
  readonly keys: readonly object[];
}

/** Prints a new key, or puts it into a file. @throws CommandError */
export async function key({ id, alg = "HS256", into }: NewKeyOptions, { output }: Context): Promise<void> {
  if (into === undefined) refuseClosedOutput(output, "the key");
  if (id === undefined) {
    if (into !== undefined) throw new CommandError("--into needs --id, by which keys are told apart", ExitCode.usage);
    const made = newRouterKeyText();
    output.result({ event: "key", key: made }, made);
    return;
  }
  if (!/^[\x21-\x7e]{1,64}$/.test(id)) {
    const message = `--id ${JSON.stringify(id)} must be 1 to 64 printable ASCII characters without spaces`;
    throw new CommandError(message, ExitCode.usage);
  }
  const made = { kty: "oct", kid: id, alg, k: randomBytes(secretBytes[alg]).toString("base64url") };
  if (into === undefined) {
    const text = JSON.stringify({ keys: [made] });
    output.result({ event: "key", key: text }, text);
    return;
  }
  const set: KeySet = { keys: [made, ...(await keysBefore(into)).keys] };
  try {
    keysOfSet(set);
  } catch (error) {
    const message = `cannot put a key ${JSON.stringify(id)} into ${into}: ${reasonOf(error)}`;
    throw new CommandError(message, ExitCode.usage, { cause: error });
  }
  await writeFileWhole(into, `${JSON.stringify(set, undefined, 2)}\n`, { mode: 0o600, replace: true });
  const count = set.keys.length;
  const text = `${into} has ${count} ${count === 1 ? "key" : "keys"}; ${JSON.stringify(id)} signs from now on`;
  output.result({ event: "key-added", file: into, id, keys: count }, text);
}

/** Returns the keys of a file as a set; one that does not exist has none. @throws CommandError */
async function keysBefore(path: string): Promise<KeySet> {
  let content: Buffer;
  try {
    content = await readKeyFile(path);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return { keys: [] };
    throw error;
  }
  const [first] = keysIn(content, path);
  if (looksLikeSet(content)) return JSON.parse(content.toString("utf8")) as KeySet;
  const secret = first !== undefined && "secret" in first ? (first.secret as Uint8Array) : new Uint8Array();
  return { keys: [{ kty: "oct", k: Buffer.from(secret).toString("base64url") }] };
}
