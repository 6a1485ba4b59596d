/** The things that a router of the command line starts with: its key and its certificate. */
import { createSecureContext, type TlsOptions } from "node:tls";
import { CommandError, reasonOf } from "./command-error.js";
import type { Context } from "./context.js";
import { ExitCode } from "./exit-codes.js";
import { localRouter } from "./local-router.js";
import type { FileSource } from "./operation/file-watch.js";
import { givenKey, type KeyOptions, localKey } from "./router-key.js";
import { readSmallFile } from "./secret-file.js";
import { probe } from "./sockets.js";
import { parseEndpoint } from "./target.js";

/** The key of a router, and whether it may write this machine's file. */
export interface RouterKey {
  readonly secret: string | Uint8Array;
  /** True if the user gave the key, so that others can have tokens also without the local file. */
  readonly given: boolean;
  /** The endpoint of the router to which this machine's file belongs; undefined where the file is free. */
  readonly otherAt: string | undefined;
}

/**
 * Returns the key that was given, else that of this machine, which outlives its routers.
 * @throws CommandError also when no key is given and a router runs here already: no other process could find this one
 */
export async function chooseKey(options: KeyOptions, context: Context): Promise<RouterKey> {
  const { output, env, signal } = context;
  const given = await givenKey(options, context);
  const local = await localRouter(env).catch((error: CommandError) => {
    output.note("warn", { event: "local-file-ignored", error: error.message }, `${error.message}; it is replaced`);
    return undefined;
  });
  // The number of a process that has ended may belong to another one by now: only a refusal proves that the router is
  // gone. A probe that finds no answer in time says nothing, and the file stays with the router that wrote it.
  const otherAt =
    local?.alive === true && (await probe(parseEndpoint(local.endpoint), signal)) !== "refused"
      ? local.endpoint
      : undefined;
  if (given !== undefined) return { secret: given, given: true, otherAt };
  if (otherAt !== undefined) {
    const message = `a router runs on this machine already, at ${otherAt} (process ${local?.pid})`;
    throw new CommandError(`${message}; a second one needs --key-file or ROUTER_KEY`, ExitCode.cannotCreate);
  }
  return { secret: (await localKey(env, true)) as string, given: false, otherAt };
}

/** The files of a certificate and its key. */
export interface TlsFiles {
  readonly tlsCert?: string;
  readonly tlsKey?: string;
}

/**
 * Returns the certificate and its key as a source of files, or undefined where none are named. @throws CommandError for
 * one file without the other
 */
export function certificateFiles({ tlsCert, tlsKey }: TlsFiles): FileSource<TlsOptions> | undefined {
  if (tlsCert === undefined && tlsKey === undefined) return undefined;
  if (tlsCert === undefined || tlsKey === undefined)
    throw new CommandError("--tls-cert and --tls-key go together", ExitCode.usage);
  return {
    read: async () => [
      await readSmallFile(tlsCert, "the certificate in"),
      await readSmallFile(tlsKey, "the private key in"),
    ],
    parse([cert, key]) {
      const tls: TlsOptions = { cert, key };
      try {
        createSecureContext(tls);
      } catch (error) {
        const message = `cannot use the certificate in ${tlsCert} with the key in ${tlsKey}: ${reasonOf(error)}`;
        throw new CommandError(message, ExitCode.unreadable, { cause: error });
      }
      return tls;
    },
  };
}
