/**
 * `npm run mutate -- PACKAGE [--seed S] [--count N] [--only TEXT] [--limit SECONDS] [--least SHARE]`: changes a package
 * in N small ways, one at a time, and runs the tests that import the changed file, the nearest first, until one fails.
 * A mutant that no test notices survives. It ends with 1 if a smaller share than 0.95 was noticed; survivors that
 * `conformance/mutants/PACKAGE.md` explains count as noticed, since no test can tell them from the original.
 */
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { sourcesOf, testsOf } from "./mutate/importers.mjs";
import { difference, mutantsOf, mutated } from "./mutate/mutants.mjs";
import { randomFrom, sample } from "./mutate/sample.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const configuration = join(root, "scripts/mutate/vitest.config.mjs");
/** A test that takes longer with a mutant than this waits for something that does not come any more. */
const testTimeoutMs = 15_000;
/** A run of all tests of a file; a mutant may also loop for ever without giving way to any timer. */
const runLimitMs = 60_000;
/** The number of test files in the first run. Most mutants are noticed by the nearest ones. */
const nearest = 6;

const usage = "usage: npm run mutate -- PACKAGE [--seed S] [--count N] [--only TEXT] [--limit SECONDS] [--least SHARE]";
const { name, seed, count, only, limitMs, leastShare } = argumentsOrExit();
const folder = join(root, "packages", name);
const explained = explanations();
const startedAt = performance.now();
/** @type {import("node:child_process").ChildProcess | undefined} */
let running;
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => endRun(130));

const all = sourcesOf(folder)
  .filter((file) => file.includes(only))
  .flatMap((file) => {
    const source = readFileSync(join(folder, file), "utf8");
    return mutantsOf(source).map((mutant) => ({ file, source, mutant }));
  });
const chosen = sample(all, count, randomFrom(seed));
console.log(`${name}: ${chosen.length} of ${all.length} mutants, seed ${seed}`);

// A test that fails anyway would kill every mutant.
const first = [...new Set(chosen.flatMap(({ file }) => testsOf(folder, file).slice(0, nearest)))];
if (first.length > 0 && (await run(first)) !== "survived") {
  console.error(`${name}: the tests fail without a mutant`);
  process.exit(2);
}

const counts = { killed: 0, timeout: 0, explained: 0, survived: 0 };
for (const [index, { file, source, mutant }] of chosen.entries()) {
  if (performance.now() - startedAt > limitMs) {
    console.log(`the limit of ${limitMs / 1_000} s is reached: ${chosen.length - index} mutants are left out`);
    break;
  }
  const { line, before, after } = difference(source, mutant);
  const tests = testsOf(folder, file);
  let outcome = "survived";
  for (const group of [tests.slice(0, nearest), tests.slice(nearest)]) {
    if (outcome === "survived" && group.length > 0) outcome = await run(group, { file, text: mutated(source, mutant) });
  }
  if (outcome === "survived" && explained.some((text) => text.includes(before) && text.includes(after)))
    outcome = "explained";
  counts[outcome] += 1;
  console.log(`${index + 1}. ${outcome}: packages/${name}/${file}:${line} (${mutant.operator})`);
  if (outcome !== "killed") console.log(`   - ${before}\n   + ${after}`);
}

const done = counts.killed + counts.timeout + counts.explained + counts.survived;
const noticed = done - counts.survived;
const { killed, timeout, survived } = counts;
console.log(`${name}: ${killed} killed, ${timeout} timeouts, ${survived} survived, ${counts.explained} explained`);
console.log(`${noticed} passed, ${survived} failed`);
process.exitCode = done > 0 && noticed / done < leastShare ? 1 : 0;

/** Ends the run that is going on, its workers included, and this process. @param {number} code */
function endRun(code) {
  if (running?.pid !== undefined) process.kill(-running.pid, "SIGKILL");
  process.exit(code);
}

/**
 * Runs test files, with a source replaced if one is given.
 * @param {readonly string[]} tests relative to the package
 * @param {{ file: string, text: string }} [replaced]
 * @returns {Promise<"killed" | "survived" | "timeout">}
 */
async function run(tests, replaced) {
  const paths = tests.map((test) => `packages/${name}/${test}`);
  const environment = JSON.stringify({
    ...(replaced && { file: join(folder, replaced.file), text: replaced.text }),
    tests: paths,
    testTimeoutMs,
  });
  const child = spawn(
    process.execPath,
    [join(root, "node_modules/vitest/vitest.mjs"), "run", "--config", configuration, ...paths],
    { cwd: root, env: { ...process.env, TRUNKLINE_MUTANT: environment }, stdio: "ignore", detached: true },
  );
  running = child;
  let timeout = false;
  const timer = setTimeout(() => {
    timeout = true;
    // The whole group: the tests' own processes and workers, too.
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  }, runLimitMs);
  const code = await new Promise((resolve, reject) => child.once("close", resolve).once("error", reject));
  running = undefined;
  clearTimeout(timer);
  if (timeout) return "timeout";
  return code === 0 ? "survived" : "killed";
}

/** Returns the list items of the file that explains survivors of this package. @returns {string[]} */
function explanations() {
  const path = join(root, `conformance/mutants/${name}.md`);
  if (!existsSync(path)) return [];
  return readFileSync(path, "utf8")
    .split(/\n(?=- )/)
    .map((item) => item.replace(/\s+/g, " "));
}

function argumentsOrExit() {
  try {
    const { values, positionals } = parseArgs({
      options: {
        seed: { type: "string", default: "1" },
        count: { type: "string", default: "20" },
        only: { type: "string", default: "" },
        limit: { type: "string", default: "Infinity" },
        least: { type: "string", default: "0.95" },
      },
      allowPositionals: true,
    });
    const [name] = positionals;
    if (positionals.length !== 1 || !existsSync(join(root, `packages/${name}/src`)))
      throw new Error("name one package");
    const [seed, count, seconds] = [values.seed, values.count, values.limit].map(Number);
    if (!Number.isInteger(seed) || !Number.isInteger(count) || Number.isNaN(seconds)) throw new Error("not a number");
    const leastShare = Number(values.least);
    if (!(leastShare >= 0 && leastShare <= 1)) throw new Error(`--least must be from 0 to 1, not ${values.least}`);
    return { name, seed, count, only: values.only, limitMs: seconds * 1_000, leastShare };
  } catch (error) {
    console.error(`${error.message}\n${usage}`);
    process.exit(2);
  }
}
