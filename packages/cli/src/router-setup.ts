/** What a router of the command line starts with: its key, its certificate, and its file for the others on this machine. */
import { resolve } from "node:path";
import { createSecureContext, type TlsOptions } from "node:tls";
import { localStatePath, newRouterKey, type Router, removeLocalState, writeLocalState } from "@trunkline/router";
import { CommandError, reasonOf } from "./command-error.js";
import type { Context } from "./context.js";
import { ExitCode } from "./exit-codes.js";
import { type Environment, givenKey, type KeyOptions, localRouter } from "./router-key.js";
import { readSmallFile } from "./secret-file.js";
import { checkTarget } from "./sockets.js";
import { parseEndpoint, printAddress } from "./target.js";

export interface RouterKey {
  readonly secret: string | Uint8Array;
  /** Somebody gave it, so that others can have tokens also without the local file. */
  readonly given: boolean;
  /** Where the router that this machine's file names is; undefined where there is none that lives, so that the file is free. */
  readonly otherAt: string | undefined;
}

/** How long the router in the file may take to answer before it is taken for dead. */
const probeMs = 1_000;

/** The token in the local file lies beside the key that can sign any other: a short life would protect nothing. */
const localTokenLifetimeMs = 3_650 * 86_400_000;

/**
 * The key that was given, else that of the router which died on this machine, so that its tokens stay good, else a new one.
 * @throws CommandError also when none is given and a router runs here already: nobody could get a token for this one
 */
export async function chooseKey(options: KeyOptions, { output, env, signal }: Context): Promise<RouterKey> {
  const given = await givenKey(options, env);
  const local = await localRouter(env).catch((error: CommandError) => {
    output.note("warn", { event: "local-file-ignored", error: error.message }, `${error.message}; it is replaced`);
    return undefined;
  });
  // The number of a process that died may belong to another one by now: only an answer proves that it lives.
  const lives = local?.alive === true && (await answers(local.endpoint, signal));
  if (!lives) return { secret: given ?? local?.key ?? newRouterKey(), given: given !== undefined, otherAt: undefined };
  if (given !== undefined) return { secret: given, given: true, otherAt: local.endpoint };
  const message = `a router runs on this machine already, at ${local.endpoint} (process ${local.pid}); a second one needs --key-file or ROUTER_KEY`;
  throw new CommandError(message, ExitCode.cannotCreate);
}

async function answers(endpoint: string, signal: AbortSignal): Promise<boolean> {
  try {
    await checkTarget(parseEndpoint(endpoint), AbortSignal.any([signal, AbortSignal.timeout(probeMs)]));
    return true;
  } catch {
    return false;
  }
}

/** TLS by files, or undefined. @throws CommandError for one without the other, and for what cannot be read or used */
export async function readTls(options: {
  readonly tlsCert?: string;
  readonly tlsKey?: string;
}): Promise<TlsOptions | undefined> {
  const { tlsCert, tlsKey } = options;
  if (tlsCert === undefined && tlsKey === undefined) return undefined;
  if (tlsCert === undefined || tlsKey === undefined) {
    throw new CommandError("--tls-cert and --tls-key go together", ExitCode.usage);
  }
  const tls = {
    cert: await readSmallFile(tlsCert, "the certificate in"),
    key: await readSmallFile(tlsKey, "the private key in"),
  };
  try {
    createSecureContext(tls);
  } catch (error) {
    throw new CommandError(
      `cannot use the certificate in ${tlsCert} with the key in ${tlsKey}: ${reasonOf(error)}`,
      ExitCode.unreadable,
    );
  }
  return tls;
}

/** Writes this machine's file. `bound` is where the router listens. @throws CommandError */
export async function publish(
  router: Router,
  secret: string | Uint8Array,
  bound: string,
  env: Environment,
): Promise<string> {
  const token = await router.mintToken({ identity: "local", lifetimeMs: localTokenLifetimeMs });
  const key = Buffer.from(secret).toString("base64url");
  try {
    return await writeLocalState({ endpoint: nearby(bound), token, key, pid: process.pid }, localStatePath(env));
  } catch (error) {
    throw new CommandError(`cannot write the file of the local router: ${reasonOf(error)}`, ExitCode.cannotCreate, {
      cause: error,
    });
  }
}

/** Takes this process's file away, if it is still this process's. */
export async function unpublish(env: Environment): Promise<void> {
  await removeLocalState(process.pid, localStatePath(env)).catch(() => {});
}

/** How others on this machine reach it, from whatever folder, also where it listens on every address. */
function nearby(bound: string): string {
  const address = parseEndpoint(bound);
  if ("path" in address) return printAddress({ path: resolve(address.path) });
  const { host, port } = address;
  if (host === "0.0.0.0") return printAddress({ host: "127.0.0.1", port });
  return host === "::" ? printAddress({ host: "::1", port }) : bound;
}
