/** `trunkline router`: exchange and router in one server, found by the others on this machine through its file. */
import { Router, type RouterEvent } from "@trunkline/router";
import { CommandError, reasonOf } from "../command-error.js";
import { type Context, type GraceOption, graceMsOf, interrupted } from "../context.js";
import { ExitCode } from "../exit-codes.js";
import type { KeyOptions } from "../router-key.js";
import { chooseKey, publish, type RouterKey, readTls, unpublish } from "../router-setup.js";
import { cannotListen } from "../sockets.js";
import { isLocal, parseEndpoint, parseListen, printAddress } from "../target.js";
import { tellEnding } from "./ending.js";

export interface RouterCommandOptions extends KeyOptions, GraceOption {
  readonly listen: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly plaintext?: boolean;
}

/** Runs until interrupted. @throws CommandError */
export async function router(options: RouterCommandOptions, context: Context): Promise<void> {
  const { output, signal } = context;
  const address = parseListen(options.listen);
  const graceMs = graceMsOf(options);
  const tls = await readTls(options);
  if (tls !== undefined && options.plaintext === true)
    throw new CommandError("--tls-cert and --plaintext exclude each other", ExitCode.usage);
  if (tls === undefined && options.plaintext !== true && !isLocal(address)) {
    const message = `listening on ${printAddress(address)}, which other machines can reach, needs --tls-cert and --tls-key (or --plaintext)`;
    throw new CommandError(message, ExitCode.usage);
  }
  const key = await chooseKey(options, context);
  const server = makeRouter(key, context);
  let stateFile: string | undefined;
  try {
    const bound = await server
      .listen(printAddress(address), { tls, plaintext: options.plaintext })
      .catch((error: unknown) => {
        throw cannotListen(address, error);
      });
    stateFile = await publishIfFree(server, key, bound, context);
    const found = stateFile === undefined ? "" : "; expose and connect on this machine find it by themselves";
    output.result(
      {
        event: "listening",
        address: bound,
        ...parseEndpoint(bound),
        pid: process.pid,
        ...(stateFile !== undefined && { stateFile }),
      },
      `router listening on ${bound}${found}`,
    );
    await interrupted(signal);
    tellEnding(context, server.stats.livePairs, graceMs);
  } finally {
    if (stateFile !== undefined) await unpublish(context.env);
    await server.close({ closeTimeoutMs: graceMs });
  }
}

function makeRouter(key: RouterKey, { output }: Context): Router {
  try {
    return new Router({
      keys: [{ secret: key.secret, allowShortSecret: key.given }],
      onEvent: (event) => output.note(levelOf(event), routerEvent(event), textOf(event)),
    });
  } catch (error) {
    throw new CommandError(`the key cannot be used: ${reasonOf(error)}`, ExitCode.unreadable, { cause: error });
  }
}

/** The file's path; undefined where another router has it, or where it cannot be written and need not be. */
async function publishIfFree(
  server: Router,
  key: RouterKey,
  bound: string,
  { output, env }: Context,
): Promise<string | undefined> {
  if (key.otherAt !== undefined) {
    const text = `on this machine, expose and connect find the router at ${key.otherAt}; for this one give them --endpoint and a token (trunkline token)`;
    output.note("info", { event: "not-published", other: key.otherAt }, text);
    return undefined;
  }
  try {
    return await publish(server, key.secret, bound, env);
  } catch (error) {
    if (!key.given) throw error;
    output.note(
      "warn",
      { event: "not-published", error: reasonOf(error) },
      `${reasonOf(error)}; expose and connect need --endpoint and a token`,
    );
    return undefined;
  }
}

/** What only matters when something is looked for is not shown unless asked for. */
function levelOf({ kind }: RouterEvent): "debug" | "info" | "warn" {
  if (kind === "refused" || kind === "refusals-omitted") return "warn";
  return kind === "listening" || kind === "listener-removed" ? "info" : "debug";
}

function routerEvent({ kind, ...fields }: RouterEvent): { event: string } {
  return { event: `router-${kind}`, ...fields };
}

function textOf({ kind, ...fields }: RouterEvent): string {
  const words = Object.entries(fields).map(
    ([name, value]) => `${name} ${typeof value === "string" ? JSON.stringify(value) : String(value)}`,
  );
  return `${kind} ${words.join(", ")}`.trimEnd();
}
