/**
 * `npm run bench -- --against DIR`: our own subjects of this checkout and of another one, in pairs. Each process runs
 * the `bench/child.mjs` and the packages of its own checkout.
 */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { takesPart } from "../subjects/catalog.mjs";
import { publishedChild } from "./published.mjs";
import { run } from "./run.mjs";
import { ratioInterval } from "./statistics.mjs";

const here = fileURLToPath(new URL("../..", import.meta.url));
/** The bound of the interval's upper end: a loss below 3 % cannot be told from the machine's noise in ten pairs. */
const leastRatio = 0.97;
/** A run that fails is tried once more: a busy machine can make one miss its limit. */
const attempts = 2;

/**
 * Measures and prints all ratios.
 * @param {string} against the folder of the other checkout
 * @param {object} options
 * @param {number} options.pairs
 * @param {number} options.seconds
 * @param {readonly import("../types.d.ts").Scenario[]} options.scenarios
 * @param {readonly import("../subjects/catalog.mjs").SubjectEntry[]} options.subjects
 * @returns {Promise<boolean>} whether nothing failed and no interval lies wholly below 0.97
 */
export async function compareCheckouts(against, { pairs, seconds, scenarios, subjects }) {
  const other = resolve(against);
  const modules = [other, here].map((folder) => join(folder, "bench/child.mjs"));
  for (const child of modules) if (!existsSync(child)) throw new Error(`${child} does not exist`);
  const known = await import(pathToFileURL(join(other, "bench/scenarios/catalog.mjs")).href);
  const names = new Set(known.scenarios.map((/** @type {{ name: string }} */ { name }) => name));
  const timing = { warmUpMs: seconds * 700, windowMs: seconds * 1_000 };
  const rows = [];
  let good = true;
  for (const scenario of scenarios) {
    if (!names.has(scenario.name)) {
      console.error(`${scenario.name}: left out, ${other} does not have it`);
      continue;
    }
    const children = scenario.published ? [await publishedChild(other), await publishedChild(here)] : modules;
    for (const subject of subjects.filter(({ name }) => name.startsWith("trunkline"))) {
      if (!takesPart(subject, scenario)) continue;
      const row = rowOf(scenario, subject, await pairedRatios(subject, scenario, { pairs, timing, children }), pairs);
      good &&= row.good;
      rows.push(row);
      console.error(`${row.name}: ${row.text}`);
    }
  }
  const width = Math.max(...rows.map(({ name }) => name.length));
  console.log(`\nthis checkout to ${other}: ratio and its 95 % interval, above 1 where this one is better;`);
  console.log("then the same of the processor time, which other work on the machine disturbs less\n");
  for (const { name, text } of rows) console.log(`${name.padEnd(width)}  ${text}`);
  return good;
}

/**
 * Returns the ratios of the pairs that could be measured. The order within a pair alternates, so that a machine that
 * becomes slower favours neither.
 * @param {import("../subjects/catalog.mjs").SubjectEntry} subject
 * @param {import("../types.d.ts").Scenario} scenario
 * @param {{ pairs: number, timing: { warmUpMs: number, windowMs: number }, children: readonly string[] }} options
 * @returns {Promise<{ values: number[], cpu: number[] }>}
 */
async function pairedRatios(subject, scenario, { pairs, timing, children }) {
  const ratios = { values: /** @type {number[]} */ ([]), cpu: /** @type {number[]} */ ([]) };
  for (let pair = 0; pair < pairs; pair += 1) {
    /** @type {({ value: number, cpuMicros?: number } | undefined)[]} */
    const results = [];
    for (const index of pair % 2 === 0 ? [0, 1] : [1, 0]) {
      results[index] = await measured({ ...subject, child: children[index] }, scenario, timing);
    }
    const [before, after] = results;
    if (before === undefined || after === undefined || before.value <= 0 || after.value <= 0) continue;
    ratios.values.push(scenario.level === undefined ? after.value / before.value : before.value / after.value);
    if (before.cpuMicros && after.cpuMicros) ratios.cpu.push(before.cpuMicros / after.cpuMicros);
  }
  return ratios;
}

/**
 * @param {Parameters<typeof run>[0]} subject
 * @param {Parameters<typeof run>[1]} scenario
 * @param {Parameters<typeof run>[2]} timing
 * @returns {Promise<{ value: number, cpuMicros?: number } | undefined>} undefined where every attempt failed
 */
async function measured(subject, scenario, timing) {
  for (let attempt = 1; attempt <= attempts; attempt += 1) {
    try {
      return await run(subject, scenario, timing);
    } catch (error) {
      console.error(`${scenario.name} ${subject.child}: ${/** @type {Error} */ (error).message}`);
    }
  }
  return undefined;
}

/**
 * @param {import("../types.d.ts").Scenario} scenario
 * @param {import("../subjects/catalog.mjs").SubjectEntry} subject
 * @param {{ values: readonly number[], cpu: readonly number[] }} ratios
 * @param {number} pairs
 * @returns {{ name: string, text: string, good: boolean }}
 */
function rowOf(scenario, subject, { values, cpu }, pairs) {
  const name = `${scenario.name} ${subject.name}`;
  if (values.length < Math.max(2, pairs / 2)) {
    return { name, text: `failed in ${pairs - values.length} of ${pairs} pairs`, good: false };
  }
  const interval = ratioInterval(values);
  const good = interval.high >= leastRatio;
  const verdict = good ? (interval.low > 1 ? "better" : "") : `WORSE: below ${leastRatio}`;
  const processor = cpu.length < 2 ? "" : `cpu ${shown(ratioInterval(cpu))}`;
  return {
    name,
    text: `${shown(interval)}  ${processor.padEnd(27)}  ${values.length} pairs  ${verdict}`.trimEnd(),
    good,
  };
}

/** @param {{ ratio: number, low: number, high: number }} interval */
function shown({ ratio, low, high }) {
  return `${ratio.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]`;
}
