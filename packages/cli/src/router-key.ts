/** The keys that tokens are signed and verified with: given by files or environment, or that of this machine. */
import type { Buffer as Bytes } from "node:buffer";
import {
  ensureLocalKey,
  type KeySource,
  keysOfSet,
  localKeyPath,
  minSecretBytes,
  readLocalKey,
} from "@trunkline/router";
import { CommandError, reasonOf } from "./command-error.js";
import type { Context, Environment } from "./context.js";
import { ExitCode } from "./exit-codes.js";
import { isUrl } from "./key-address.js";
import type { FileSource } from "./operation/file-watch.js";
import { readSmallFile } from "./secret-file.js";

/** Options of commands that sign tokens. */
export interface KeyOptions {
  readonly keyFile?: string | undefined;
}

/** The files of a router's keys. */
export interface KeyFiles extends KeyOptions {
  /** Public keys, as a JWK Set: a file, or the address of one. */
  readonly jwks?: string | undefined;
}

const advice = "make one with: trunkline key";

/**
 * Returns the keys in `--key-file`, else that in `ROUTER_KEY`; undefined where neither is given. `ROUTER_KEY` is taken
 * as it is, as Jumpstarter's router takes it; one that is too short brings a warning.
 * @throws CommandError for a file that cannot be read or whose keys cannot be used, and for an empty `ROUTER_KEY`
 */
export async function givenKeys(
  { keyFile }: KeyOptions,
  context: Pick<Context, "env" | "output">,
): Promise<readonly KeySource[] | undefined> {
  return keyFile === undefined ? environmentKey(context) : keysIn(await readKeyFile(keyFile), keyFile);
}

/** Returns the key in `ROUTER_KEY`, undefined where there is none. @throws CommandError for an empty one */
export function environmentKey({ env, output }: Pick<Context, "env" | "output">): readonly KeySource[] | undefined {
  const value = env["ROUTER_KEY"];
  if (value === undefined) return undefined;
  const key = Buffer.from(value, "utf8");
  if (key.length === 0) throw new CommandError("ROUTER_KEY is empty; give a key or unset it", ExitCode.usage);
  if (key.length < minSecretBytes) {
    const why = `a key of less than ${minSecretBytes} can be guessed`;
    const event = { event: "short-key", bytes: key.length, minBytes: minSecretBytes };
    output.note("warn", event, `ROUTER_KEY has ${key.length} bytes, and ${why}; ${advice}`);
  }
  return [{ secret: key, allowShortSecret: true }];
}

/**
 * Returns the files of a router's keys as a source that can be read again; undefined where none are named. `fixed` are
 * keys that come from elsewhere, before those of the files.
 */
export function keyFiles(
  { keyFile, jwks }: KeyFiles,
  fixed: readonly KeySource[],
): FileSource<readonly KeySource[]> | undefined {
  const files = [
    ...(keyFile === undefined ? [] : [{ path: keyFile, what: "the key file", read: keysIn }]),
    ...(jwks === undefined || isUrl(jwks) ? [] : [{ path: jwks, what: "the public keys in", read: publicKeysIn }]),
  ];
  if (files.length === 0) return undefined;
  return {
    paths: files.map(({ path }) => path),
    read: () => Promise.all(files.map(({ path, what }) => readSmallFile(path, what))),
    parse: (contents) => [...fixed, ...files.flatMap(({ path, read }, index) => read(contents[index] as Bytes, path))],
  };
}

/** Returns the content of a key file. @throws CommandError */
export function readKeyFile(path: string): Promise<Bytes> {
  return readSmallFile(path, "the key file");
}

/**
 * Returns the keys in a file: those of a JWK Set, or the one secret that the bytes of the file are, without one line
 * end, which editors add.
 * @throws CommandError
 */
export function keysIn(content: Bytes, path: string): readonly KeySource[] {
  if (looksLikeSet(content)) return keysOfText(content, path);
  const lineEnd = /\r?\n$/.exec(content.toString("latin1"))?.[0].length ?? 0;
  const secret = content.subarray(0, content.length - lineEnd);
  if (secret.length >= minSecretBytes) return [{ secret }];
  const message = `the key in ${path} has ${secret.length} bytes, and at least ${minSecretBytes} are needed`;
  throw new CommandError(`${message}; ${advice} >${path}`, ExitCode.unreadable);
}

/** Text that begins with a brace is JSON: a key of random bytes that is printable is as good as impossible. */
export function looksLikeSet(content: Bytes): boolean {
  return /^\s*\{[\t\n\r -~]*$/.test(content.toString("latin1"));
}

function publicKeysIn(content: Bytes, path: string): readonly KeySource[] {
  const keys = keysOfText(content, path);
  if (keys.some((key) => "secret" in key)) {
    const message = `the set of public keys in ${path} has a secret (kty "oct"), which belongs into --key-file`;
    throw new CommandError(message, ExitCode.unreadable);
  }
  return keys;
}

function keysOfText(content: Bytes, path: string): readonly KeySource[] {
  let set: unknown;
  try {
    set = JSON.parse(content.toString("utf8"));
  } catch {
    // The message of the parser would show a part of the text, which may be a key.
    throw new CommandError(`the keys in ${path} are no JSON`, ExitCode.unreadable);
  }
  try {
    return keysOfSet(set);
  } catch (error) {
    throw new CommandError(`cannot use the keys in ${path}: ${reasonOf(error)}`, ExitCode.unreadable, { cause: error });
  }
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
