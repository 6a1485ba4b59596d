/** Whole numbers on the command line. */
import { CommandError } from "./command-error.js";
import { ExitCode } from "./exit-codes.js";

/**
 * Returns the whole number of an option, from 1 to `most`. `unit` follows the range in the message: `", in MB"`.
 * @throws CommandError that names the option, the text and the range
 */
export function parseWholeNumber(text: string, option: string, most: number, unit = ""): number {
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (number >= 1 && number <= most) return number;
  throw new CommandError(`${option} ${JSON.stringify(text)} must be from 1 to ${most}${unit}`, ExitCode.usage);
}
