/** `trunkline token mint IDENTITY`: a token for those who cannot read this machine's file. */
import { type AdminRight, type KeySource, Router } from "@trunkline/router";
import { refuseClosedOutput } from "../closed-output.js";
import { CommandError, reasonOf } from "../command-error.js";
import type { Context, Environment } from "../context.js";
import { parseDuration } from "../duration.js";
import { ExitCode } from "../exit-codes.js";
import { givenKeys, type KeyOptions, localKey } from "../router-key.js";

/** Options of `trunkline token mint`. */
export interface TokenOptions extends KeyOptions {
  readonly lifetime: string;
  /** The right to the admin service. */
  readonly admin?: AdminRight | undefined;
}

const maxLifetimeMs = 3_650 * 86_400_000;

/** Prints a token. @throws CommandError */
export async function mintToken(identity: string, options: TokenOptions, context: Context): Promise<void> {
  const { output, env } = context;
  refuseClosedOutput(output, "the token");
  const lifetimeMs = parseDuration(options.lifetime, "--lifetime", maxLifetimeMs);
  if (lifetimeMs < 1_000)
    throw new CommandError(`--lifetime ${JSON.stringify(options.lifetime)} is shorter than a second`, ExitCode.usage);
  if (!/^[\x21-\x7e]{1,255}$/.test(identity)) {
    throw new CommandError(
      `identity ${JSON.stringify(identity)} must be 1 to 255 printable ASCII characters without spaces`,
      ExitCode.usage,
    );
  }
  const keys = (await givenKeys(options, context)) ?? (await machineKeys(env));
  if (keys === undefined) {
    throw new CommandError(
      "there is no key: give --key-file or ROUTER_KEY, or start a router on this machine: trunkline router",
      ExitCode.unreadable,
    );
  }
  await using router = signer(keys);
  const minted = await router.mintToken({ identity, lifetimeMs, admin: options.admin });
  const expires = new Date(Date.now() + lifetimeMs).toISOString();
  output.result({ event: "token", identity, expires, token: minted }, minted);
}

async function machineKeys(env: Environment): Promise<readonly KeySource[] | undefined> {
  const secret = await localKey(env, false);
  return secret === undefined ? undefined : [{ secret }];
}

/** Returns a router that only signs. @throws CommandError where there is no secret among the keys */
function signer(keys: readonly KeySource[]): Router {
  try {
    return new Router({ keys });
  } catch (error) {
    throw new CommandError(`the keys cannot be used: ${reasonOf(error)}`, ExitCode.unreadable, { cause: error });
  }
}
