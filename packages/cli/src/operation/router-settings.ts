/**
 * The settings of a router from everything that may give them. A flag counts before an environment variable, that
 * before the configuration file, and that before the default.
 */
import { dirname, resolve } from "node:path";
import { certificateNames } from "@trunkline/router";
import { CommandError, reasonOf } from "../command-error.js";
import { type Environment, maxGraceMs, maxKeepaliveMs, maxLingerMs } from "../context.js";
import { parseDuration, parsePositiveDuration } from "../duration.js";
import { ExitCode } from "../exit-codes.js";
import { isUrl, keyAddress } from "../key-address.js";
import {
  dashboardOff,
  flagOf,
  type RouterCommandOptions,
  type RouterSettingName,
  type RouterSettings,
  routerOptions,
  routerSettingNames,
  variableOf,
  variablePrefix,
} from "../router-options.js";
import { readSmallFile } from "../secret-file.js";
import { parseListen } from "../target.js";
import { parseLimits } from "./router-limits.js";
import { firstOf, maxYamlFileBytes, readYaml, type YamlSchema } from "./yaml-file.js";

/** A setting with the place that it came from. */
export interface SettingOrigin {
  readonly value: string | true | undefined;
  /** The place: `--listen`, `TRUNKLINE_ROUTER_LISTEN`, `router.yaml:3` or `default`. */
  readonly origin: string;
}

/** All settings, and where each came from. */
export interface EffectiveSettings {
  readonly settings: RouterSettings;
  readonly origins: Readonly<Record<RouterSettingName, SettingOrigin>>;
  /** Variables that look like settings of a router, and are none. */
  readonly unknownVariables: readonly string[];
}

type Given = Partial<Record<RouterSettingName, SettingOrigin>>;

/** Checks a text; `label` begins the message. @throws CommandError */
type Check = (text: string, label: string) => unknown;

const duration =
  (maxMs: number): Check =>
  (text, label) =>
    parseDuration(text, label, maxMs);

const positiveDuration =
  (maxMs: number): Check =>
  (text, label) =>
    parsePositiveDuration(text, label, maxMs);

const address: Check = (text, label) => {
  try {
    parseListen(text);
  } catch (error) {
    throw new CommandError(`${label}: ${reasonOf(error)}`, ExitCode.usage);
  }
};

/** The largest difference of clocks: as that of the router. */
export const maxClockToleranceMs = 3_600_000;
/** The longest value of a setting. */
const maxSettingChars = 4_096;

const checks: Partial<Record<RouterSettingName, Check>> = {
  listen: address,
  metrics: address,
  dashboard: (text, label) => (text === dashboardOff ? undefined : address(text, label)),
  dashboardRights(text, label) {
    if (text === "see" || text === "act") return;
    throw new CommandError(`${label} must be see or act, not ${JSON.stringify(text.slice(0, 60))}`, ExitCode.usage);
  },
  grace: duration(maxGraceMs),
  linger: duration(maxLingerMs),
  keepalive: duration(maxKeepaliveMs),
  keepaliveTimeout: positiveDuration(maxKeepaliveMs),
  clockTolerance: duration(maxClockToleranceMs),
  jwks: (text, label) => (isUrl(text) ? keyAddress(text, label) : undefined),
  oidcIssuer: keyAddress,
  limits: parseLimits,
  clientIdentity(text, label) {
    if (certificateNames.some((known) => known === text)) return;
    throw new CommandError(`${label} must be one of ${certificateNames.join(", ")}`, ExitCode.usage);
  },
};

/** Checks the value of one setting. @throws CommandError whose message begins with the label */
function check(name: RouterSettingName, text: string, label: string): void {
  const refuse = (why: string): never => {
    throw new CommandError(`${label} ${why}`, ExitCode.usage);
  };
  if (text === "" && !name.endsWith("Prefix")) refuse("must not be empty");
  if (text.length > maxSettingChars) refuse(`has ${text.length} characters, more than ${maxSettingChars}`);
  if (/\p{Cc}/u.test(text)) refuse("has control characters");
  checks[name]?.(text, label);
}

/** The schema of a configuration file. */
export const configSchema: YamlSchema = {
  what: "a configuration",
  checkedBy: "trunkline check --config",
  problemsOf(value) {
    if (value === null) return []; // a file of comments
    if (typeof value !== "object" || Array.isArray(value))
      return [{ path: [], message: `a configuration must have lines such as "listen: 0.0.0.0:7420"` }];
    return Object.entries(value).flatMap(([key, given]) => {
      const message = problemOf(key, given);
      return message === undefined ? [] : [{ path: [key], message }];
    });
  },
};

/** Returns the mistake of one entry of a configuration. */
function problemOf(key: string, value: unknown): string | undefined {
  if (!Object.hasOwn(routerOptions, key))
    return `${JSON.stringify(key.slice(0, 60))} is no setting of a router; they are ${routerSettingNames.join(", ")}`;
  const name = key as RouterSettingName;
  if (routerOptions[name].kind === "switch")
    return typeof value === "boolean" ? undefined : `${name} must be true or false`;
  if (typeof value !== "string" && typeof value !== "number") return `${name} must be text`;
  try {
    check(name, String(value), name);
    return undefined;
  } catch (error) {
    return reasonOf(error);
  }
}

/**
 * Puts the settings together, and checks each.
 * @throws CommandError that names the flag, the variable or the line with the mistake
 */
export async function effectiveSettings(options: RouterCommandOptions, env: Environment): Promise<EffectiveSettings> {
  const file = options.config ?? env[variableOf("config")];
  const sources = [fromFlags(options), fromEnvironment(env), file === undefined ? {} : await fromFile(file)];
  const origins = Object.fromEntries(
    routerSettingNames.map((name) => {
      const given = sources.find((source) => source[name] !== undefined)?.[name];
      return [name, given ?? { value: routerOptions[name].byDefault, origin: "default" }];
    }),
  ) as Record<RouterSettingName, SettingOrigin>;
  const values = Object.entries(origins).map(([name, { value }]) => [name, value]);
  return {
    settings: Object.fromEntries(values.filter(([, value]) => value !== undefined)) as RouterSettings,
    origins,
    unknownVariables: unknownVariables(env),
  };
}

function fromFlags(options: RouterCommandOptions): Given {
  const given: Given = {};
  for (const name of routerSettingNames) {
    const value = options[name];
    if (typeof value === "string") check(name, value, flagOf(name));
    if (value !== undefined) given[name] = { value: value || undefined, origin: flagOf(name) };
  }
  return given;
}

function fromEnvironment(env: Environment): Given {
  const given: Given = {};
  for (const name of routerSettingNames) {
    const variable = variableOf(name);
    const text = env[variable];
    if (text === undefined || text === "") continue;
    given[name] = { value: settingOf(name, text, variable), origin: variable };
  }
  return given;
}

/** Returns the value of a setting from its text. @throws CommandError */
function settingOf(name: RouterSettingName, text: string, label: string): string | true | undefined {
  if (routerOptions[name].kind !== "switch") {
    check(name, text, label);
    return text;
  }
  if (text === "true" || text === "1") return true;
  if (text === "false" || text === "0") return undefined;
  throw new CommandError(`${label} must be true or false, not ${JSON.stringify(text.slice(0, 60))}`, ExitCode.usage);
}

/** Reads a configuration file. @throws CommandError */
async function fromFile(path: string): Promise<Given> {
  const bytes = await readSmallFile(path, "the configuration", maxYamlFileBytes);
  const content = readYaml<Partial<Record<RouterSettingName, string | number | boolean>> | null>(bytes, configSchema);
  if (content.problems !== undefined) {
    const message = `cannot use the configuration ${firstOf(path, content.problems, configSchema)}`;
    throw new CommandError(message, ExitCode.unreadable);
  }
  const given: Given = {};
  for (const [key, value] of Object.entries(content.value ?? {})) {
    const name = key as RouterSettingName;
    const origin = `${path}:${content.lineOf([name])}`;
    if (typeof value === "boolean") given[name] = { value: value || undefined, origin };
    else given[name] = { value: inFolder(name, String(value), dirname(path)), origin };
  }
  return given;
}

/** Returns the value of a setting in a configuration file: files are named from the folder of that file. */
function inFolder(name: RouterSettingName, text: string, folder: string): string {
  const { kind } = routerOptions[name];
  const isFile = kind === "file" || (kind === "file-or-url" && !isUrl(text));
  return isFile ? resolve(folder, text) : text;
}

/** Kubernetes gives each process such variables for a service that is called `trunkline-router`. */
const ofKubernetes = /^TRUNKLINE_ROUTER_(?:SERVICE|PORT)(?:_|$)/;

function unknownVariables(env: Environment): string[] {
  const known = new Set([...routerSettingNames, "config"].map(variableOf));
  return Object.keys(env).filter(
    (name) => name.startsWith(variablePrefix) && !known.has(name) && !ofKubernetes.test(name),
  );
}
