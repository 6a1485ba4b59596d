/** The setting `limits` of `trunkline router`: limits of a `Router` by their names, as `maxListeners=100`. */
import { checkRouterLimits, type RouterLimits } from "@trunkline/router";
import { CommandError, reasonOf } from "../command-error.js";
import { ExitCode } from "../exit-codes.js";

/** The limits that have settings of their own. */
const ownSettings: Readonly<Record<string, string>> = {
  lingerMs: "--linger",
  keepaliveIntervalMs: "--keepalive",
  keepaliveTimeoutMs: "--keepalive-timeout",
};

/** Returns the limits in a text such as `maxListeners=100,heartbeatMs=5000`. @throws CommandError */
export function parseLimits(text: string, label: string): RouterLimits {
  const refuse = (why: string): never => {
    throw new CommandError(`${label}: ${why}`, ExitCode.usage);
  };
  const given = new Map<string, number>();
  for (const part of text.split(",")) {
    const [, name = "", number] = /^\s*(\w{1,60})=(\d{1,15})\s*$/.exec(part) ?? [];
    if (name === "") refuse(`${JSON.stringify(part.slice(0, 60))} is not a limit such as maxListeners=100`);
    if (given.has(name)) refuse(`${name} is there twice`);
    if (Object.hasOwn(ownSettings, name)) refuse(`${name} has a setting of its own, ${ownSettings[name]}`);
    given.set(name, Number(number));
  }
  try {
    return checkRouterLimits(Object.fromEntries(given));
  } catch (error) {
    return refuse(reasonOf(error));
  }
}
