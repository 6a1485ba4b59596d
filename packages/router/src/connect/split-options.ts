/** The options of a function that makes a client of its own: those of the client, and those of the function itself. */
import { checkOptionNames } from "@trunkline/base";
import { type TrunklineOptions, trunklineOptionNames } from "./trunkline.js";

/**
 * Returns the options of the client apart from the others.
 * @param own the names of the function's own options
 * @throws TypeError for an unknown option
 */
export function splitOptions<Own extends object>(
  owner: string,
  options: TrunklineOptions & Own,
  own: ReadonlySet<string>,
): readonly [client: TrunklineOptions, own: Own] {
  checkOptionNames(owner, options, new Set([...trunklineOptionNames, ...own]));
  const pick = (names: ReadonlySet<string>): object =>
    Object.fromEntries(Object.entries(options).filter(([name]) => names.has(name)));
  return [pick(trunklineOptionNames) as TrunklineOptions, pick(own) as Own];
}
