/** `trunkline check FILE`: the mistakes of a policy, a configuration or the profiles, each with its place. */
import type { RouterPolicy } from "@trunkline/router";
import { CommandError } from "../command-error.js";
import type { Context } from "../context.js";
import { ExitCode } from "../exit-codes.js";
import { policySchema } from "../operation/policy-file.js";
import { configSchema } from "../operation/router-settings.js";
import { maxYamlFileBytes, problemText, readYaml, type YamlContent, type YamlSchema } from "../operation/yaml-file.js";
import { type Profiles, profilesSchema } from "../profile/profiles.js";
import { readSmallFile } from "../secret-file.js";

/** Options of `trunkline check`. */
export interface CheckOptions {
  /** True where the file is the configuration of a router, and no policy. */
  readonly config?: boolean;
  /** True where the file is that of the profiles. */
  readonly profiles?: boolean;
}

type Checked = Pick<Context, "output">;

/** Prints all mistakes, or that there are none. @throws CommandError where there are any */
export async function check(path: string, options: CheckOptions, context: Checked): Promise<void> {
  const { config = false, profiles = false } = options;
  if (config && profiles) throw new CommandError("--config and --profiles exclude each other", ExitCode.usage);
  if (profiles) await checkProfiles(path, context);
  else if (config) await checkConfig(path, context);
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

async function checkProfiles(path: string, context: Checked): Promise<void> {
  const { profiles } = await checked<Profiles>(path, "profiles", profilesSchema, context);
  const names = Object.keys(profiles);
  context.output.result({ event: "profiles", file: path, profiles: names }, `${path} can be used: ${names.join(", ")}`);
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
  throw new CommandError(`the ${name} ${path} ${name === "profiles" ? "have" : "has"} ${count}`, ExitCode.unreadable);
}
