/** `--allow`: the identities that may connect to the names of one `expose`. */
import { Glob } from "@trunkline/router";
import { CommandError } from "../command-error.js";
import { ExitCode } from "../exit-codes.js";
import { printable } from "../format.js";

/** The most patterns: more belong into the policy of the router. */
const maxPatterns = 100;

/** The callers that the patterns of `--allow` admit; without patterns all that the router lets through. */
export class AllowedCallers {
  readonly #globs: readonly Glob[] | undefined;

  /** @throws CommandError for a pattern that fits no identity */
  constructor(patterns: readonly string[] | undefined) {
    if (patterns !== undefined && patterns.length > maxPatterns)
      throw new CommandError(`--allow is given ${patterns.length} times, more than ${maxPatterns}`, ExitCode.usage);
    this.#globs = patterns?.map((pattern) => {
      if (/^[\x21-\x7e]{1,255}$/.test(pattern)) return new Glob(pattern);
      const what = "must be 1 to 255 printable ASCII characters without spaces; * stands for any";
      throw new CommandError(`--allow ${JSON.stringify(pattern)} ${what}`, ExitCode.usage);
    });
  }

  /** Returns why a caller is refused; undefined where it is allowed. */
  refusal(identity: string | undefined, name: string): string | undefined {
    if (this.#globs === undefined) return undefined;
    if (identity === undefined) return "the router does not say who connects, and --allow admits only those it knows";
    if (this.#globs.some((glob) => glob.matches(identity))) return undefined;
    return `${printable(identity)} is not among those that the exposer of ${JSON.stringify(name)} allows`;
  }
}
