/** Names of options. TypeScript refuses an unknown one in a literal; at run time it would be ignored without a word. */

/** Returns the names of all options of a type. The compiler checks that none is missing and none is wrong. */
export function optionNames<Options extends object>(names: Readonly<Record<keyof Options, true>>): ReadonlySet<string> {
  return new Set(Object.keys(names));
}

/**
 * Checks that options are an object and have known names. A name whose value is undefined counts as not given.
 * @param owner the function or class that takes the options, for the message
 * @throws TypeError that names the unknown option and lists the known ones
 */
export function checkOptionNames(owner: string, options: object, known: ReadonlySet<string>): void {
  const refusal = optionNamesRefusal(owner, options, known);
  if (refusal !== undefined) throw refusal;
}

/** Returns the error that `checkOptionNames` throws, for those who reject with it; undefined where there is none. */
export function optionNamesRefusal(owner: string, options: object, known: ReadonlySet<string>): TypeError | undefined {
  if (typeof options !== "object" || options === null)
    return new TypeError(`the options of ${owner} must be an object, not ${String(options)}`);
  for (const name in options) {
    if (known.has(name) || (options as Readonly<Record<string, unknown>>)[name] === undefined) continue;
    return new TypeError(`${owner} has no option ${JSON.stringify(name)}: it knows ${[...known].sort().join(", ")}`);
  }
  return undefined;
}
