/** The address of public keys, as a setting of a router. */
import { addressProblem } from "@trunkline/router";
import { CommandError } from "./command-error.js";
import { ExitCode } from "./exit-codes.js";

/** Returns true for text that is an address of the web, and no file. */
export function isUrl(text: string): boolean {
  return /^https?:\/\//i.test(text);
}

/** Returns the address that keys come from. @throws CommandError whose message begins with the label */
export function keyAddress(text: string, label: string): URL {
  const refuse = (why: string): never => {
    throw new CommandError(`${label} ${why}`, ExitCode.usage);
  };
  if (!isUrl(text) || !URL.canParse(text)) return refuse("must be an address such as https://login.example.org");
  const url = new URL(text);
  const problem = addressProblem(url, false);
  return problem === undefined ? url : refuse(problem);
}
