/**
 * Tries mutants in one warm process, which takes milliseconds for most of them. It finds those that a quick test
 * notices for certain; the others need a fresh process each.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { withSwitches } from "./switches.mjs";
import { endRun, runVitest, temporaryFolder } from "./vitest.mjs";

/** @typedef {{ id: number, path: string, source: string, mutant: import("./mutants.mjs").Mutant }} Candidate */

const testTimeoutMs = 5_000;
/** Quick tests come before slower ones, since they notice most mutants. Tests past the last are for fresh processes. */
const slowTestsMs = [50, 1_500];
/** A try that takes longer than a test may take is a loop that gives way to no timer. */
const hangingMs = 12_000;
/** A run that writes no line to its log for so long will not come to an end. */
const silentMs = 120_000;

/**
 * Returns the mutants that were noticed, and for each file that was run to its end the mutants that it may notice in a
 * fresh process only.
 * @param {readonly Candidate[]} candidates
 * @param {readonly string[]} files the test files, relative to the project, in the order to run them
 * @param {number} deadline by `performance.now()`
 */
export async function tryWarm(candidates, files, deadline) {
  /** @type {Map<number, "killed" | "timeout">} */
  const outcomes = new Map();
  /** @type {Map<string, Set<number>>} by file as in `files` */
  const leftByFile = new Map();
  /** Mutants that a warm process cannot decide. @type {Set<number>} */
  const left = new Set();
  /** Mutants that are reached while modules are loaded. @type {Set<number>} */
  const imported = new Set();
  const sources = switchedSources(candidates);
  let attempts = 0;

  for (const slowTestMs of slowTestsMs) {
    // A test that was too slow in the round before may notice these.
    for (const [file, ids] of leftByFile) if ([...ids].some(isUndecided)) leftByFile.delete(file);
    await tryAll(slowTestMs);
  }
  return { outcomes, leftByFile, imported };

  /** @param {number} id */
  function isUndecided(id) {
    return !outcomes.has(id) && !left.has(id);
  }

  /** @param {number} slowTestMs */
  async function tryAll(slowTestMs) {
    while (performance.now() < deadline) {
      const tests = files.filter((file) => !leftByFile.has(file));
      const undecided = candidates.map(({ id }) => id).filter(isUndecided);
      if (tests.length === 0 || undecided.length === 0) break;
      const log = join(temporaryFolder, `log-${attempts++}`);
      const before = leftByFile.size + outcomes.size + left.size;
      const task = { log, undecided, left: [...left], slowTestMs };
      const hangs = await runWatched({ sources, tests, testTimeoutMs, runner, task }, deadline);
      const lines = readLog(log);
      for (const line of lines) {
        if (line.event === "killed") outcomes.set(line.mutant, "killed");
        if (line.event === "unclear") left.add(line.mutant);
        if (line.event === "imported") for (const id of line.reached) imported.add(id);
        const file = files.find((each) => line.file?.endsWith(each));
        if (line.event === "done" && file !== undefined) leftByFile.set(file, new Set(line.left));
      }
      const last = lines.at(-1);
      if (last?.event === "trying") {
        if (hangs) outcomes.set(last.mutant, "timeout");
        else left.add(last.mutant);
      }
      if (leftByFile.size + outcomes.size + left.size === before) break;
    }
  }
}

const runner = fileURLToPath(new URL("./warm-runner.mjs", import.meta.url));

/** @param {readonly Candidate[]} candidates @returns {Record<string, string>} */
function switchedSources(candidates) {
  /** @type {Record<string, string>} */
  const sources = {};
  for (const { path, source } of candidates) {
    const mutants = candidates.filter((each) => each.path === path).map(({ id, mutant }) => ({ ...mutant, id }));
    sources[path] ??= withSwitches(source, mutants);
  }
  return sources;
}

/**
 * Runs tests until they end, hang or the time is up; returns whether a mutant hangs.
 * @param {import("./vitest.mjs").Run & { task: { log: string } }} run
 * @param {number} deadline
 */
async function runWatched(run, deadline) {
  let size = 0;
  let changedAt = performance.now();
  let hangs = false;
  const timer = setInterval(() => {
    const now = performance.now();
    const lines = readLog(run.task.log);
    if (lines.length !== size) [size, changedAt] = [lines.length, now];
    hangs = lines.at(-1)?.event === "trying" && now - changedAt > hangingMs;
    if (hangs || now - changedAt > silentMs || now > deadline) endRun();
  }, 1_000);
  try {
    await runVitest(run);
  } finally {
    clearInterval(timer);
  }
  return hangs;
}

/** @param {string} path @returns {any[]} */
function readLog(path) {
  if (!existsSync(path)) return [];
  const whole = readFileSync(path, "utf8").split("\n").slice(0, -1);
  return whole.map((line) => JSON.parse(line));
}
