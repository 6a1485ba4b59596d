/**
 * The benchmarks: `npm run bench`. Runs every scenario with every subject that takes part in it, alternating (A B C, A
 * B C …), each run in fresh processes. Results go to stdout, progress and failures to stderr; exits with 1 when a run
 * failed.
 */
import { compareCheckouts } from "./lib/against.mjs";
import { parseArguments, UsageError, usage } from "./lib/arguments.mjs";
import { buildGoSubject } from "./lib/go.mjs";
import { publishedChild } from "./lib/published.mjs";
import { writeResults } from "./lib/results-file.mjs";
import { run } from "./lib/run.mjs";
import { median } from "./lib/statistics.mjs";
import { formatValue, resultTables } from "./lib/table.mjs";
import { takesPart } from "./subjects/catalog.mjs";

const full = { rounds: 3, warmUpMs: 1_000, windowMs: 2_000 };
const quick = { rounds: 1, warmUpMs: 200, windowMs: 500 };

/** @returns {ReturnType<typeof parseArguments>} */
function argumentsOrExit() {
  try {
    return parseArguments(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`${error.message}\n\n${usage}`);
    process.exit(2);
  }
}

const options = argumentsOrExit();
if (options.help) console.log(usage);
else if (options.against !== undefined) {
  const { against, pairs, seconds, scenarios, subjects } = options;
  process.exitCode = (await compareCheckouts(against, { pairs, seconds, scenarios, subjects })) ? 0 : 1;
} else process.exitCode = (await bench()) ? 0 : 1;

/** @returns {Promise<boolean>} whether every run succeeded */
async function bench() {
  const timing = options.quick ? quick : full;
  const { subjects, goVersion, missing } = await readySubjects();
  for (const text of missing) console.error(`left out: ${text}`);

  /** @type {import("./lib/table.mjs").Results} */
  const results = new Map();
  /** @type {import("./lib/table.mjs").CpuResults} */
  const cpu = { all: new Map(), server: new Map(), middle: new Map(), client: new Map() };
  let failures = 0;
  for (const scenario of options.scenarios) {
    const participants = subjects.filter((subject) => takesPart(subject, scenario));
    if (participants.length === 0) continue;
    /** @type {Map<string, (number | undefined)[]>} */
    const bySubject = new Map(participants.map(({ name }) => [name, []]));
    results.set(scenario.name, bySubject);
    const child = scenario.published ? await publishedChild() : undefined;
    for (const results of Object.values(cpu))
      results.set(scenario.name, new Map(participants.map(({ name }) => [name, []])));
    for (let round = 1; round <= timing.rounds; round += 1) {
      for (const subject of participants) {
        const result = await runOrSay({ ...subject, child }, scenario, timing);
        const value = result?.value;
        if (value === undefined) failures += 1;
        else
          console.error(
            `${scenario.title}: ${subject.name} ${formatValue(value)} ${scenario.unit} (${round} of ${timing.rounds})`,
          );
        bySubject.get(subject.name)?.push(value);
        cpu.all.get(scenario.name)?.get(subject.name)?.push(result?.cpuMicros);
        for (const role of /** @type {const} */ (["server", "middle", "client"]))
          cpu[role].get(scenario.name)?.get(subject.name)?.push(result?.cpuOf?.[role]);
      }
    }
    if (options.json) sayMedians(scenario, bySubject);
  }

  const tables = resultTables(results, cpu, options.scenarios);
  if (!options.json) console.log(`\n${tables}`);
  if (options.write) writeResults(tables, { line: options.line, ...timing, goVersion, missing });
  return failures === 0;
}

/** The chosen subjects that can run here. */
async function readySubjects() {
  /** @type {(import("./subjects/catalog.mjs").SubjectEntry & { program?: string })[]} */
  const subjects = [];
  const missing = [];
  let goVersion;
  for (const subject of options.subjects) {
    if (subject.builtFrom !== "go" || !options.scenarios.some(({ kind }) => kind === subject.kind)) {
      subjects.push(subject);
      continue;
    }
    const built = await buildGoSubject();
    if ("missing" in built) missing.push(built.missing);
    else {
      goVersion = built.goVersion;
      subjects.push({ ...subject, program: built.program });
    }
  }
  return { subjects, goVersion, missing };
}

/**
 * A subject that fails is reported and does not stop the others.
 * @param {Parameters<typeof run>[0]} subject
 * @param {Parameters<typeof run>[1]} scenario
 * @param {Parameters<typeof run>[2]} timing
 */
async function runOrSay(subject, scenario, timing) {
  try {
    return await run(subject, scenario, timing);
  } catch (error) {
    console.error(`${scenario.title}: ${subject.name} failed: ${/** @type {Error} */ (error).message}`);
    return undefined;
  }
}

/**
 * @param {import("./types.d.ts").Scenario} scenario
 * @param {Map<string, (number | undefined)[]>} bySubject
 */
function sayMedians(scenario, bySubject) {
  for (const [subject, values] of bySubject) {
    const known = values.filter((value) => value !== undefined);
    if (known.length === 0) continue;
    const value = Number(median(known).toPrecision(6));
    console.log(JSON.stringify({ scenario: scenario.name, subject, value, unit: scenario.unit }));
  }
}
