/** The names under which services are exposed, as words of the command line. */
import { nameProblem } from "@trunkline/router";
import { CommandError } from "./command-error.js";
import { ExitCode } from "./exit-codes.js";

/**
 * Checks the name of a command before anything is dialled: the router says of such a name only that nothing listens
 * under it. @throws CommandError
 */
export function checkExposedName(name: string): void {
  const problem = nameProblem(name);
  if (problem !== undefined) throw new CommandError(problem, ExitCode.usage);
}
