/** `trunkline check FILE`: the mistakes of a policy or of a configuration, each with its place. */
import type { RouterPolicy } from "@trunkline/router";
import { CommandError } from "../command-error.js";
import type { Context } from "../context.js";
import { ExitCode } from "../exit-codes.js";
import { policySchema } from "../operation/policy-file.js";
import { configSchema } from "../operation/router-settings.js";
import { maxYamlFileBytes, problemText, readYaml, type YamlContent, type YamlSchema } from "../operation/yaml-file.js";
import { readSmallFile } from "../secret-file.js";

/** Options of `trunkline check`. */
export interface CheckOptions {
  /** True where the file is the configuration of a router, and no policy. */
  readonly config?: boolean;
}

type Checked = Pick<Context, "output">;

/** Prints all mistakes, or that there are none. @throws CommandError where there are any */
export async function check(path: string, { config = false }: CheckOptions, context: Checked): Promise<void> {
  if (config) await checkConfig(path, context);
  else await checkPolicy(path, context);
}

async function checkPolicy(path: string, context: Checked): Promise<void> {
  const { rules, denied } = await checked<RouterPolicy>(path, "policy", policySchema, context);
  const identities = denied?.identities?.length ?? 0;
  const tokens = denied?.tokenIds?.length ?? 0;
  const counts = `rules: ${rules.length}, denied identities: ${identities}, denied tokens: ${tokens}`;
  const event = {
    event: "policy",
    file: path,
    rules: rules.length,
    deniedIdentities: identities,
    deniedTokens: tokens,
  };
  context.output.result(event, `${path} can be used; ${counts}`);
}

async function checkConfig(path: string, context: Checked): Promise<void> {
  const settings = await checked<object | null>(path, "configuration", configSchema, context);
  const count = Object.keys(settings ?? {}).length;
  context.output.result(
    { event: "configuration", file: path, settings: count },
    `${path} can be used; settings: ${count}`,
  );
}

/** Returns the value of a file. @throws CommandError after all mistakes were printed */
async function checked<Value>(path: string, name: string, schema: YamlSchema, { output }: Checked): Promise<Value> {
  const bytes = await readSmallFile(path, `the ${name}`, maxYamlFileBytes);
  const content: YamlContent<Value> = readYaml<Value>(bytes, schema);
  if (content.problems === undefined) return content.value;
  const { problems } = content;
  for (const problem of problems)
    output.result({ event: `${name}-problem`, file: path, ...problem }, problemText(path, problem));
  const count = problems.length === 1 ? "a mistake" : `${problems.length} mistakes`;
  throw new CommandError(`the ${name} ${path} has ${count}`, ExitCode.unreadable);
}
