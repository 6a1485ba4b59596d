/** `trunkline token mint IDENTITY`: a token for those who cannot read this machine's file. */
import { Router } from "@trunkline/router";
import { CommandError } from "../command-error.js";
import type { Context } from "../context.js";
import { parseDuration } from "../duration.js";
import { ExitCode } from "../exit-codes.js";
import { givenKey, type KeyOptions, localKey } from "../router-key.js";

/** Options of `trunkline token mint`. */
export interface TokenOptions extends KeyOptions {
  readonly lifetime: string;
}

const maxLifetimeMs = 3_650 * 86_400_000;

/** Prints a token. @throws CommandError */
export async function mintToken(identity: string, options: TokenOptions, context: Context): Promise<void> {
  const { output, env } = context;
  const lifetimeMs = parseDuration(options.lifetime, "--lifetime", maxLifetimeMs);
  if (lifetimeMs < 1_000)
    throw new CommandError(`--lifetime ${JSON.stringify(options.lifetime)} is shorter than a second`, ExitCode.usage);
  if (!/^[\x21-\x7e]{1,255}$/.test(identity)) {
    throw new CommandError(
      `identity ${JSON.stringify(identity)} must be 1 to 255 printable ASCII characters without spaces`,
      ExitCode.usage,
    );
  }
  const secret = (await givenKey(options, context)) ?? (await localKey(env, false));
  if (secret === undefined) {
    throw new CommandError(
      "there is no key: give --key-file or ROUTER_KEY, or start a router on this machine: trunkline router",
      ExitCode.unreadable,
    );
  }
  await using router = new Router({ keys: [{ secret, allowShortSecret: true }] });
  const minted = await router.mintToken({ identity, lifetimeMs });
  const expires = new Date(Date.now() + lifetimeMs).toISOString();
  output.result({ event: "token", identity, expires, token: minted }, minted);
}
