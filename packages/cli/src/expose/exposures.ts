/** The names of one `expose` and their targets. */
import { CommandError } from "../command-error.js";
import { ExitCode } from "../exit-codes.js";
import { checkExposedName } from "../exposed-name.js";
import { parseTarget, type Target } from "../target.js";

/** One name and the target of its connections. */
export interface Exposure {
  readonly name: string;
  readonly target: Target;
}

/** The most names of one command: each is a call at the router that stays open. */
const maxExposures = 100;

/** Reads `NAME TARGET NAME TARGET …`. @throws CommandError that says what is wrong */
export function parseExposures(words: readonly string[]): Exposure[] {
  if (words.length % 2 !== 0)
    throw new CommandError(`the name ${JSON.stringify(words.at(-1))} has no target behind it`, ExitCode.usage);
  if (words.length / 2 > maxExposures)
    throw new CommandError(`${words.length / 2} names are more than ${maxExposures}`, ExitCode.usage);
  const exposures: Exposure[] = [];
  for (let index = 0; index < words.length; index += 2) {
    const name = words[index] as string;
    checkExposedName(name);
    if (exposures.some((each) => each.name === name))
      throw new CommandError(`the name ${JSON.stringify(name)} is there twice`, ExitCode.usage);
    exposures.push({ name, target: parseTarget(words[index + 1] as string) });
  }
  if (exposures.filter(({ target }) => "stdio" in target).length > 1)
    throw new CommandError("stdio: can be the target of one name only", ExitCode.usage);
  return exposures;
}
