/** The file of this machine's router, by which `expose` and `connect` find it without configuration. */
import { resolve } from "node:path";
import {
  type LocalState,
  localStatePath,
  type Router,
  readLocalState,
  removeLocalState,
  writeLocalState,
} from "@trunkline/router";
import { CommandError, reasonOf } from "./command-error.js";
import type { Environment } from "./context.js";
import { ExitCode } from "./exit-codes.js";
import { parseEndpoint, printAddress } from "./target.js";

/** The content of the file. */
export interface LocalRouter extends LocalState {
  /** True while a process with the router's number runs; it may be another one by now. */
  readonly alive: boolean;
}

/**
 * Returns the content of the file; undefined if there is none. @throws CommandError when it is damaged, or other users
 * can read it
 */
export async function localRouter(env: Environment): Promise<LocalRouter | undefined> {
  try {
    const found = await readLocalState(localStatePath(env));
    return found === undefined ? undefined : { ...found.state, alive: found.alive };
  } catch (error) {
    throw new CommandError(`cannot use the file of the local router: ${reasonOf(error)}`, ExitCode.unreadable, {
      cause: error,
      advice: reasonOf(error).includes("is not what a router leaves") ? "trunkline router replaces it" : undefined,
    });
  }
}

/**
 * The lifetime of the token in the file. It lies beside the key that can sign any other: a short life would protect
 * nothing.
 */
const localTokenLifetimeMs = 3_650 * 86_400_000;

/** The file that a router has written. */
export interface Publication {
  readonly path: string;
  /** Writes a token of the present key into the file, unless another router has it now. @throws CommandError */
  renew(): Promise<void>;
  /** Removes the file, unless another router has written its own there since. Never rejects. */
  remove(): Promise<void>;
}

/** Writes the file of a router that listens on `bound`. @throws CommandError */
export async function publish(router: Router, bound: string, env: Environment): Promise<Publication> {
  const path = localStatePath(env);
  const write = async (): Promise<LocalState> => {
    const token = await router.mintToken({ identity: "local", lifetimeMs: localTokenLifetimeMs, admin: "act" });
    const state: LocalState = { endpoint: nearby(bound), token, pid: process.pid };
    try {
      await writeLocalState(state, path);
    } catch (error) {
      throw new CommandError(`cannot write the file of the local router: ${reasonOf(error)}`, ExitCode.cannotCreate, {
        cause: error,
      });
    }
    return state;
  };
  let state = await write();
  return {
    path,
    async renew() {
      if ((await localRouter(env))?.token === state.token) state = await write();
    },
    remove: () => removeLocalState(state, path).catch(() => {}),
  };
}

/**
 * Returns the address by which others on this machine reach it, from any folder, also where it listens on every
 * address.
 */
function nearby(bound: string): string {
  const address = parseEndpoint(bound);
  if ("path" in address)
    return printAddress({ path: address.path.startsWith("\0") ? address.path : resolve(address.path) });
  const { host, port } = address;
  if (host === "0.0.0.0") return printAddress({ host: "127.0.0.1", port });
  return host === "::" ? printAddress({ host: "::1", port }) : bound;
}
