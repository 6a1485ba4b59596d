/**
 * `npm run mutate -- PACKAGE [--seed S] [--count N] [--pick A,B] [--only TEXT] [--limit SECONDS] [--least SHARE]
 * [--quick]`: changes a package in N small ways, one at a time, and runs the tests that reach the changed place. A
 * mutant that no test notices survives. It ends with 1 if a smaller share than 0.95 was noticed; survivors that
 * `conformance/mutants/PACKAGE.md` explains count as noticed, since no test can tell them from the original.
 *
 * All mutants are first tried in one warm process (`mutate/warm.mjs`), which decides most of them in milliseconds. Each
 * of the others gets processes of its own, with the test files that the warm process could not try it with, the nearest
 * first. `--quick` leaves them undecided, which counts as not noticed. What `--limit` leaves undecided does not count;
 * the warm process has half of that time. `--pick` tries some numbers of a sample.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { sourcesOf, testsOf } from "./mutate/importers.mjs";
import { difference, mutantsOf, mutated } from "./mutate/mutants.mjs";
import { randomFrom, sample } from "./mutate/sample.mjs";
import { endRun, runVitest } from "./mutate/vitest.mjs";
import { tryWarm } from "./mutate/warm.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
/** A test that takes longer with a mutant than this waits for something that does not come any more. */
const testTimeoutMs = 15_000;
/** A run of several test files; a mutant may also loop for ever without giving way to any timer. */
const runLimitMs = 60_000;
/** The number of test files in the first run. Most mutants are noticed by the nearest ones. */
const nearest = 6;

const usage =
  "usage: npm run mutate -- PACKAGE [--seed S] [--count N] [--pick A,B] [--only TEXT] [--limit SECONDS] " +
  "[--least SHARE] [--quick]";
const { name, seed, count, pick, only, limitMs, leastShare, quick } = argumentsOrExit();
const folder = join(root, "packages", name);
const explained = explanations();
const deadline = performance.now() + limitMs;
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, () => {
    endRun();
    process.exit(130);
  });
}

const all = sourcesOf(folder)
  .filter((file) => file.includes(only))
  .flatMap((file) => {
    const path = join(folder, file);
    const source = readFileSync(path, "utf8");
    return mutantsOf(source).map((mutant) => ({ file, path, source, mutant }));
  });
const chosen = sample(all, count, randomFrom(seed))
  .map((each, index) => ({ ...each, id: index + 1 }))
  .filter(({ id }) => pick === undefined || pick.includes(id));
console.log(`${name}: ${chosen.length} of ${all.length} mutants, seed ${seed}`);

const importers = new Map(chosen.map(({ file }) => [file, testsOf(folder, file)]));
const warmUntil = quick ? deadline : performance.now() + limitMs / 2;
const { outcomes, leftByFile, imported } = await tryWarm(chosen, testsByNearness().map(inProject), warmUntil);
console.log(`${outcomes.size} of them are noticed by quick tests in a warm process`);

// A test that fails anyway would kill every mutant.
const undecided = quick ? [] : chosen.filter(({ id }) => !outcomes.has(id));
const first = [...new Set(undecided.flatMap((each) => testsLeft(each).slice(0, nearest)))];
if (first.length > 0) {
  const outcome = await run({}, first, Number.POSITIVE_INFINITY);
  if (outcome !== "survived" && outcome !== "undecided") {
    console.error(`${name}: the tests fail without a mutant`);
    process.exit(2);
  }
}

const counts = { killed: 0, timeout: 0, explained: 0, survived: 0, undecided: 0 };
for (const each of chosen) {
  const { id, file, source, mutant } = each;
  const { line, before, after } = difference(source, mutant);
  let outcome = outcomes.get(id) ?? (await tryFresh(each));
  if (outcome === "survived" && isExplained(file, before, after)) outcome = "explained";
  counts[outcome] += 1;
  console.log(`${id}. ${outcome}: packages/${name}/${file}:${line} (${mutant.operator})`);
  if (outcome !== "killed") console.log(`   - ${before}\n   + ${after}`);
}

const { killed, timeout, survived } = counts;
const noticed = killed + timeout + counts.explained;
console.log(
  `${name}: ${killed} killed, ${timeout} timeouts, ${survived} survived, ${counts.explained} explained, ` +
    `${counts.undecided} undecided`,
);
const counted = quick ? chosen.length : noticed + survived;
console.log(`${noticed} passed, ${counted - noticed} failed`);
process.exitCode = counted === 0 || noticed / counted < leastShare ? 1 : 0;

/** @param {string} test relative to the package */
function inProject(test) {
  return `packages/${name}/${test}`;
}

/** Returns the test files that import a mutated source, those first that are nearest to the most mutants. */
function testsByNearness() {
  /** @type {Map<string, number>} */
  const weights = new Map();
  for (const { file } of chosen) {
    for (const [index, test] of (importers.get(file) ?? []).entries())
      weights.set(test, (weights.get(test) ?? 0) + 1 / (index + 1));
  }
  return [...weights].sort(([, a], [, b]) => b - a).map(([test]) => test);
}

/**
 * Returns the test files that may still notice a mutant: those that left it to a fresh process, and those that did not
 * come to their end in the warm one. A mutant that matters while modules are loaded may be noticed by all.
 */
function testsLeft({ id, file }) {
  return (importers.get(file) ?? []).filter(
    (test) => imported.has(id) || (leftByFile.get(inProject(test))?.has(id) ?? true),
  );
}

/** @returns {Promise<"killed" | "survived" | "timeout" | "undecided">} */
async function tryFresh(each) {
  const tests = testsLeft(each);
  for (const group of [tests.slice(0, nearest), tests.slice(nearest)]) {
    if (group.length === 0) continue;
    if (quick) return "undecided";
    const outcome = await run({ [each.path]: mutated(each.source, each.mutant) }, group, runLimitMs);
    // A busy machine may need longer than the limit without the mutant, too.
    if (outcome === "timeout" && (await run({}, group, runLimitMs)) !== "survived") return "undecided";
    if (outcome !== "survived") return outcome;
  }
  return "survived";
}

/**
 * Runs test files in a fresh process, no longer than until the deadline.
 * @param {Record<string, string>} sources
 * @param {readonly string[]} tests relative to the package
 * @param {number} mostMs
 * @returns {Promise<"killed" | "survived" | "timeout" | "undecided">}
 */
async function run(sources, tests, mostMs) {
  const leftMs = deadline - performance.now();
  if (leftMs <= 0) return "undecided";
  const ms = Math.min(mostMs, leftMs);
  const timer = ms === Number.POSITIVE_INFINITY ? undefined : setTimeout(endRun, ms);
  const code = await runVitest({ sources, tests: tests.map(inProject), testTimeoutMs });
  clearTimeout(timer);
  if (code === "ended") return ms === mostMs ? "timeout" : "undecided";
  return code === 0 ? "survived" : "killed";
}

/** Returns the items of the list that explains survivors of this package. @returns {string[]} */
function explanations() {
  const path = join(root, `conformance/mutants/${name}.md`);
  if (!existsSync(path)) return [];
  return readFileSync(path, "utf8")
    .split(/\n(?=- )/)
    .map((item) => item.replace(/\s+/g, " "));
}

/** Returns true if an item of that list names the file and has the line before and after. */
function isExplained(file, before, after) {
  return explained.some((item) => [file, before, after].every((text) => item.includes(`\`${text}\``)));
}

function argumentsOrExit() {
  try {
    const { values, positionals } = parseArgs({
      options: {
        seed: { type: "string", default: "1" },
        count: { type: "string", default: "20" },
        pick: { type: "string" },
        only: { type: "string", default: "" },
        limit: { type: "string", default: "Infinity" },
        quick: { type: "boolean", default: false },
        least: { type: "string", default: "0.95" },
      },
      allowPositionals: true,
    });
    const [name] = positionals;
    if (positionals.length !== 1 || !existsSync(join(root, `packages/${name}/src`)))
      throw new Error("name one package");
    const [seed, count, seconds] = [values.seed, values.count, values.limit].map(Number);
    if (!Number.isInteger(seed) || !Number.isInteger(count) || Number.isNaN(seconds)) throw new Error("not a number");
    const pick = values.pick?.split(",").map(Number);
    const leastShare = Number(values.least);
    if (!(leastShare >= 0 && leastShare <= 1)) throw new Error(`--least must be from 0 to 1, not ${values.least}`);
    return { name, seed, count, pick, only: values.only, limitMs: seconds * 1_000, leastShare, quick: values.quick };
  } catch (error) {
    console.error(`${error.message}\n${usage}`);
    process.exit(2);
  }
}
