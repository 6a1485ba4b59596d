/**
 * The choice of a load balancing policy by a service config: its `loadBalancingConfig` and the older
 * `loadBalancingPolicy`. This file must not know how a policy chooses.
 * @see gRFC A24 (the list of policies) and A62 (`shuffleAddressList`)
 */
import { type FieldCheck, isConfigObject } from "./config-object.js";
import { type LoadBalancingPolicies, type LoadBalancingPolicy, roundRobin } from "./load-balancing.js";

import { type ResolvedOutlierDetection, resolveOutlierDetection } from "./outlier-config.js";

/** One entry of `loadBalancingConfig`: the name of one policy, and its config. */
export type LoadBalancingConfig = Readonly<Record<string, unknown>>;

/** A policy that was chosen, and what it is told. */
export interface ChosenPolicy {
  /** The policy that chooses among several connections; undefined for `pick_first`. */
  readonly policy: LoadBalancingPolicy | undefined;
  /** True where `pick_first` tries the endpoints in random order. */
  readonly shuffle: boolean;
  /** The detection of endpoints that fail; undefined for none. */
  readonly outliers: ResolvedOutlierDetection | undefined;
  /** The service whose health decides whether an endpoint gets calls; undefined where health is not asked for. */
  readonly healthService: string | undefined;
}

/** The policy of a channel that says nothing. */
export const pickFirst: ChosenPolicy = {
  policy: undefined,
  shuffle: false,
  outliers: undefined,
  healthService: undefined,
};

/** The names of the policies that every channel knows. */
const builtInNames: ReadonlySet<string> = new Set(["pick_first", "round_robin", "outlier_detection_experimental"]);

/** Checks the policies that were registered. @throws TypeError that names the one which cannot be */
export function checkedPolicies(policies: LoadBalancingPolicies | undefined): LoadBalancingPolicies {
  if (policies === undefined) return {};
  if (!isConfigObject(policies)) throw new TypeError("loadBalancingPolicies must be an object of functions by name");
  for (const [name, factory] of Object.entries(policies)) {
    if (builtInNames.has(name)) throw new TypeError(`loadBalancingPolicies.${name}: the policy ${name} exists already`);
    if (!/^[\w.-]{1,100}$/.test(name))
      throw new TypeError(`loadBalancingPolicies: ${JSON.stringify(name)} is no name of a policy`);
    if (typeof factory !== "function")
      throw new TypeError(`loadBalancingPolicies.${name} must be a function that returns a policy`);
  }
  return policies;
}

/** The parts of a service config by which a policy is chosen. */
export interface PolicyChoice {
  readonly loadBalancingConfig?: readonly LoadBalancingConfig[] | undefined;
  readonly loadBalancingPolicy?: string | undefined;
}

/**
 * Returns the policy that a service config chooses; undefined where it chooses none.
 * @throws TypeError where it names policies and none of them is known, or the config of the chosen one cannot be
 */
export function chosenPolicy(
  choice: PolicyChoice,
  registered: LoadBalancingPolicies,
  checkFields: FieldCheck,
): ChosenPolicy | undefined {
  const { loadBalancingConfig = [], loadBalancingPolicy } = choice;
  if (!Array.isArray(loadBalancingConfig))
    throw new TypeError("serviceConfig.loadBalancingConfig must be an array of policies");
  if (loadBalancingConfig.length > 0)
    return firstKnown(loadBalancingConfig, "serviceConfig.loadBalancingConfig", registered, checkFields);
  if (loadBalancingPolicy === undefined) return undefined;
  if (typeof loadBalancingPolicy !== "string")
    throw new TypeError(`serviceConfig.loadBalancingPolicy must be the name of a policy, not ${loadBalancingPolicy}`);
  // An enum of protobuf once: "ROUND_ROBIN".
  const name = loadBalancingPolicy.toLowerCase();
  if (name === "unspecified" || name === "") return undefined;
  return firstKnown([{ [name]: {} }], "serviceConfig.loadBalancingPolicy", registered, checkFields);
}

function firstKnown(
  entries: readonly unknown[],
  where: string,
  registered: LoadBalancingPolicies,
  checkFields: FieldCheck,
): ChosenPolicy {
  const unknown: string[] = [];
  for (const [index, entry] of entries.entries()) {
    const named = isConfigObject(entry) ? Object.entries(entry) : [];
    const [only] = named;
    if (only === undefined || named.length > 1)
      throw new TypeError(`${where}[${index}] must be an object with the name of one policy, and its config`);
    const [name, config] = only;
    const at = `${where}[${index}].${name}`;
    if (!builtInNames.has(name) && !Object.hasOwn(registered, name)) {
      unknown.push(name);
      continue;
    }
    if (!isConfigObject(config)) throw new TypeError(`${at} must be an object: the config of the policy`);
    return madePolicy(name, config, at, registered, checkFields);
  }
  const known = [...builtInNames, ...Object.keys(registered)].join(", ");
  const named = unknown.slice(0, 10).map((name) => JSON.stringify(name.slice(0, 100)));
  throw new TypeError(`${where} names no policy that is known here: it has ${named.join(", ")}, known are ${known}`);
}

function madePolicy(
  name: string,
  config: Readonly<Record<string, unknown>>,
  where: string,
  registered: LoadBalancingPolicies,
  checkFields: FieldCheck,
): ChosenPolicy {
  if (name === "pick_first") {
    checkFields(where, config, shuffleNames);
    const { shuffleAddressList = false } = config;
    if (typeof shuffleAddressList !== "boolean")
      throw new TypeError(`${where}.shuffleAddressList must be true or false, not ${String(shuffleAddressList)}`);
    return { ...pickFirst, shuffle: shuffleAddressList };
  }
  if (name === "round_robin") {
    checkFields(where, config, noNames);
    return { ...pickFirst, policy: roundRobin };
  }
  if (name === "outlier_detection_experimental") {
    const { childPolicy, ...detection } = config;
    if (!Array.isArray(childPolicy)) throw new TypeError(`${where}.childPolicy must be an array of policies`);
    const child = firstKnown(childPolicy, `${where}.childPolicy`, registered, checkFields);
    if (child.outliers !== undefined)
      throw new TypeError(`${where}.childPolicy: outlier detection cannot stand within outlier detection`);
    return { ...child, outliers: resolveOutlierDetection(detection, where, checkFields) };
  }
  const policy = registered[name]?.(config) as LoadBalancingPolicy | undefined;
  if (typeof policy?.pickerFor !== "function")
    throw new TypeError(`${where}: loadBalancingPolicies.${name} must return an object with pickerFor()`);
  return { ...pickFirst, policy };
}

const shuffleNames: ReadonlySet<string> = new Set(["shuffleAddressList"]);
const noNames: ReadonlySet<string> = new Set();

/** Returns the items in random order, each order as likely as any other. */
export function shuffled<Item>(items: readonly Item[]): Item[] {
  const all = [...items];
  for (let last = all.length - 1; last > 0; last--) {
    const other = Math.floor(Math.random() * (last + 1));
    [all[last], all[other]] = [all[other] as Item, all[last] as Item];
  }
  return all;
}
