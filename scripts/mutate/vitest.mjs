/** Starts vitest with mutated sources, one at a time, and ends it with all of its workers. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
/** The folder for what runs are told and write; it goes with this process. */
export const temporaryFolder = mkdtempSync(join(tmpdir(), "trunkline-mutate-"));
process.once("exit", () => rmSync(temporaryFolder, { recursive: true, force: true }));

/**
 * @typedef {object} Run
 * @property {Record<string, string>} sources the texts in the place of sources, by their paths
 * @property {readonly string[]} tests the test files in their order, relative to the project
 * @property {number} testTimeoutMs
 * @property {string} [runner] a runner of tests instead of vitest's own
 * @property {unknown} [task] what that runner is to do
 */

/** @type {(() => void) | undefined} */
let endCurrent;

/** Ends the run that is going on, its workers included. */
export function endRun() {
  endCurrent?.();
}

/**
 * Runs test files and returns the exit code, or "ended" after `endRun`.
 * @param {Run} run
 * @returns {Promise<number | null | "ended">}
 */
export async function runVitest(run) {
  const path = join(temporaryFolder, "run.json");
  writeFileSync(path, JSON.stringify(run));
  const configuration = join(root, "scripts/mutate/vitest.config.mjs");
  const vitest = join(root, "node_modules/vitest/vitest.mjs");
  const projects = run.runner === undefined ? ["--project", "shared", "--project", "attacks"] : [];
  const child = spawn(process.execPath, [vitest, "run", "--config", configuration, ...projects, ...run.tests], {
    cwd: root,
    env: { ...process.env, TRUNKLINE_MUTANTS: path },
    stdio: process.env.TRUNKLINE_MUTANTS_SHOW === undefined ? "ignore" : "inherit",
    detached: true,
  });
  let ended = false;
  endCurrent = () => {
    ended = true;
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  };
  try {
    const code = await new Promise((resolve, reject) => child.once("close", resolve).once("error", reject));
    return ended ? "ended" : code;
  } finally {
    endCurrent = undefined;
  }
}
