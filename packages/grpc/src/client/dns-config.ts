/**
 * Service configs in DNS: TXT records of `_grpc_config.HOST` with a list of configs, and who each of them is for.
 * @see gRFC A2
 */
import { shortened } from "@trunkline/base";
import { isConfigObject } from "./config-object.js";

/** The name below which a host's service config is found. */
export const configNamePrefix = "_grpc_config.";

/** The attribute of RFC 1464 that holds the config. */
const attribute = "grpc_config=";

/** The largest text that is looked at: as much as an answer of DNS can hold. */
const maxTextLength = 65_535;

/** The client that a config is chosen for. */
export interface ConfigClient {
  /** The name of the machine. */
  readonly hostname: string;
  /** A number from 0 up to 100, excluded, by which a share of the clients is chosen. */
  readonly percentile: number;
}

const choiceNames: ReadonlySet<string> = new Set(["clientLanguage", "percentage", "clientHostname", "serviceConfig"]);

/** The names of this client's language. `"node"` is what grpc-js answers to. */
const languages: ReadonlySet<string> = new Set(["node", "javascript", "typescript"]);

/**
 * Returns the first config that is for this client; undefined where there is none.
 * @param records the TXT records, each in its parts
 * @throws TypeError for a record that cannot be
 */
export function configFromRecords(records: readonly (readonly string[])[], client: ConfigClient): unknown {
  const text = records.map((parts) => parts.join("")).find((each) => each.startsWith(attribute));
  if (text === undefined) return undefined;
  if (text.length > maxTextLength)
    throw new TypeError(`the service config in DNS has ${text.length} characters, more than ${maxTextLength}`);
  const choices = parsed(text.slice(attribute.length));
  if (!Array.isArray(choices)) throw new TypeError("the service config in DNS is no JSON list");
  const checked = choices.map((choice, index) => checkedChoice(choice, `the service config in DNS: [${index}]`));
  return checked.find((choice) => isFor(choice, client))?.serviceConfig;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new TypeError("the service config in DNS is no JSON list", { cause: error });
  }
}

interface Choice {
  readonly clientLanguage: readonly string[];
  readonly percentage: number;
  readonly clientHostname: readonly string[];
  readonly serviceConfig: Readonly<Record<string, unknown>>;
}

function checkedChoice(choice: unknown, where: string): Choice {
  if (!isConfigObject(choice)) throw new TypeError(`${where} is no object`);
  for (const name of Object.keys(choice))
    if (!choiceNames.has(name))
      throw new TypeError(`${where} has the unknown field ${JSON.stringify(shortened(name, 100))}`);
  const { percentage = 100, serviceConfig } = choice;
  if (typeof percentage !== "number" || !Number.isInteger(percentage) || percentage < 0 || percentage > 100)
    throw new TypeError(
      `${where}.percentage must be a whole number from 0 to 100, not ${shortened(String(percentage), 100)}`,
    );
  if (!isConfigObject(serviceConfig)) throw new TypeError(`${where}.serviceConfig is no object`);
  return {
    clientLanguage: texts(choice["clientLanguage"], `${where}.clientLanguage`),
    percentage,
    clientHostname: texts(choice["clientHostname"], `${where}.clientHostname`),
    serviceConfig,
  };
}

function texts(given: unknown, where: string): readonly string[] {
  if (given === undefined) return [];
  if (Array.isArray(given) && given.every((each) => typeof each === "string")) return given;
  throw new TypeError(`${where} must be a list of texts`);
}

/** An empty list is for all. */
function isFor({ clientLanguage, percentage, clientHostname }: Choice, client: ConfigClient): boolean {
  if (clientLanguage.length > 0 && !clientLanguage.some((each) => languages.has(each.toLowerCase()))) return false;
  if (clientHostname.length > 0 && !clientHostname.includes(client.hostname)) return false;
  return client.percentile < percentage;
}
