/** The command line of `npm run bench`. */
import { parseArgs } from "node:util";
import { scenarios } from "../scenarios/catalog.mjs";
import { subjects } from "../subjects/catalog.mjs";

export const usage = `usage: npm run bench -- [options]

  --quick        one short round: shows that everything works, its numbers mean little
  --only TEXT    only the scenarios, or only the subjects, whose name contains TEXT; may be given more than once
  --json         one JSON object a line on stdout: scenario, subject, value, unit
  --write        also rewrite bench/RESULTS.md
  --help

scenarios: ${scenarios.map(({ name }) => name).join(" ")}
subjects:  ${subjects.map(({ name }) => name).join(" ")}`;

/** A command line that cannot be followed; the message says why. */
export class UsageError extends Error {}

/**
 * @param {string[]} args
 * @throws {UsageError}
 */
export function parseArguments(args) {
  const { quick, only, json, write, help } = parse(args);
  if (write && only.length > 0) throw new UsageError("--write with --only would drop rows from bench/RESULTS.md");
  const chosenScenarios = choose(scenarios, only);
  const chosenSubjects = choose(subjects, only);
  for (const text of only) {
    if (![...scenarios, ...subjects].some(({ name }) => name.includes(text))) {
      throw new UsageError(`--only ${text}: no scenario and no subject has that in its name`);
    }
  }
  const pairs = chosenScenarios.some(({ kind }) => chosenSubjects.some((subject) => subject.kind === kind));
  if (!pairs)
    throw new UsageError(
      `--only ${only.join(" --only ")}: none of these subjects takes part in any of these scenarios`,
    );
  return {
    quick,
    json,
    write,
    help,
    scenarios: chosenScenarios,
    subjects: chosenSubjects,
    line: ["npm run bench", ...(args.length > 0 ? ["--"] : []), ...args].join(" "),
  };
}

/** @param {string[]} args */
function parse(args) {
  try {
    return parseArgs({
      args,
      allowPositionals: false,
      options: {
        quick: { type: "boolean", default: false },
        only: { type: "string", multiple: true, default: [] },
        json: { type: "boolean", default: false },
        write: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    }).values;
  } catch (error) {
    throw new UsageError(/** @type {Error} */ (error).message);
  }
}

/**
 * A text that names scenarios narrows scenarios, one that names subjects narrows subjects.
 * @template {{ name: string }} T
 * @param {readonly T[]} all
 * @param {readonly string[]} only
 */
function choose(all, only) {
  const narrowing = only.filter((text) => all.some(({ name }) => name.includes(text)));
  return narrowing.length === 0 ? all : all.filter(({ name }) => narrowing.some((text) => name.includes(text)));
}
