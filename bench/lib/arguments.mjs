/** The command line of `npm run bench`. */
import { parseArgs } from "node:util";
import { scenarios } from "../scenarios/catalog.mjs";
import { subjects } from "../subjects/catalog.mjs";

export const usage = `usage: npm run bench -- [options]
       npm run bench -- --against DIR [--pairs N] [--seconds S] [--only TEXT]…

  --quick        one short round: shows that everything works, its numbers mean little
  --only TEXT    only the scenarios, or only the subjects, whose name contains TEXT; may be given more than once
  --json         one JSON object a line on stdout: scenario, subject, value, unit
  --write        also rewrite bench/RESULTS.md
  --against DIR  our own subjects only, in pairs with those of another checkout, which has been built: prints the ratio
                 of this checkout to that one with its 95 % interval for each scenario, above 1 where this one is
                 better, and ends with 1 if an interval lies wholly below 0.97
  --pairs N      pairs for each scenario, at least 2; default 10
  --seconds S    length of a measurement in seconds; default 1, or 0.3 with --quick (15 minutes in all)
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
  const { quick, only, json, write, help, against, pairs: givenPairs, seconds: givenSeconds } = parse(args);
  if (write && only.length > 0) throw new UsageError("--write with --only would drop rows from bench/RESULTS.md");
  if (against === undefined && (givenPairs ?? givenSeconds) !== undefined)
    throw new UsageError("--pairs and --seconds go with --against");
  if (against !== undefined && (write || json)) throw new UsageError("--against goes with neither --write nor --json");
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
    against,
    pairs: numberOf("--pairs", givenPairs, { defaultValue: 10, least: 2, whole: true }),
    seconds: numberOf("--seconds", givenSeconds, { defaultValue: quick ? 0.3 : 1, least: 0.01, whole: false }),
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
        against: { type: "string" },
        pairs: { type: "string" },
        seconds: { type: "string" },
      },
    }).values;
  } catch (error) {
    throw new UsageError(/** @type {Error} */ (error).message);
  }
}

/**
 * Reads a number of the command line.
 * @param {string} option
 * @param {string | undefined} text
 * @param {{ defaultValue: number, least: number, whole: boolean }} range
 * @throws {UsageError}
 */
function numberOf(option, text, { defaultValue, least, whole }) {
  if (text === undefined) return defaultValue;
  const value = Number(text);
  if (!Number.isFinite(value) || value < least || (whole && !Number.isInteger(value)))
    throw new UsageError(`${option} ${text}: not a ${whole ? "whole " : ""}number of at least ${least}`);
  return value;
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
