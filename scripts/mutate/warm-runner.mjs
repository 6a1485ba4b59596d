/**
 * Runs each test without a mutant, which shows the mutants that it reaches, and then once with each of those that no
 * test has noticed yet. A failure counts only if the test passes without the mutant right afterwards. What happens is
 * written to a log, line by line, since a mutant may hang or end this process at any time.
 */
import { appendFileSync, readFileSync } from "node:fs";
import { VitestTestRunner } from "vitest/runners";

/**
 * @typedef {object} WarmTask
 * @property {string} log the path of the log
 * @property {number[]} undecided the mutants to try
 */
/**
 * @typedef {{ event: "began" | "done", file: string, reached?: number[] }
 *   | { event: "imported", reached: number[] }
 *   | { event: "trying" | "killed" | "unclear", mutant: number }} LogLine
 */

const { task } = JSON.parse(readFileSync(process.env.TRUNKLINE_MUTANTS ?? "", "utf8"));
/** A test that takes longer than this without a mutant is left to the runs in fresh processes. */
const slowTestMs = 1_500;
/** A mutant that so many tests have not noticed, or in so long a time, is left to them, too. */
const mostTries = 80;
const longestTriesMs = 10_000;

const undecided = new Set(task.undecided);
/** @type {Map<number, { tries: number, ms: number }>} */
const spent = new Map();
/** A mutant may be reached so many times as often as without it, and so many times more, before it loops for ever. */
const timesFactor = 100;
const timesMore = 100_000;
/** The attempts without a mutant after one that failed: sockets and timers of that one may still be ending. */
const mostChecks = 3;
/** @type {number | undefined} */
let active;
/** The number of times that the place of each mutant was reached since this was cleared. @type {Map<number, number>} */
const reached = new Map();
/** The number of times that the active one may be reached; beyond it the mutant loops for ever. */
let mostTimes = 0;
const now = performance.now.bind(performance);

globalThis.trunklineMutant = (id) => {
  const times = (reached.get(id) ?? 0) + 1;
  reached.set(id, times);
  if (id !== active) return false;
  if (times > mostTimes) throw new Error(`mutant ${id} was reached more than ${mostTimes} times`);
  return true;
};

/** @param {LogLine} line */
function log(line) {
  appendFileSync(task.log, `${JSON.stringify(line)}\n`);
}

export default class WarmRunner extends VitestTestRunner {
  /** The mutants that were reached in this file. */
  #reachedInFile = new Set();
  /** The mutants that this test is still to try, with the number of times that it reaches each. */
  /** @type {[mutant: number, times: number][]} */
  #queue = [];
  /** @type {{ kind: "first" } | { kind: "mutant", mutant: number, mostTimes: number }
   *   | { kind: "check", mutant: number, left: number } | undefined} */
  #attempt;
  #startedAt = 0;

  async onBeforeCollect(paths) {
    log({ event: "began", file: paths[0] });
    reached.clear();
    this.#reachedInFile.clear();
    await super.onBeforeCollect?.(paths);
  }

  async onCollected(files) {
    // A mutant that matters while modules are loaded must be there from the start.
    log({ event: "imported", reached: [...reached.keys()] });
    for (const id of reached.keys()) undecided.delete(id);
    for (const file of files) serialise(file);
    await super.onCollected?.(files);
  }

  async onBeforeRunTask(test) {
    this.#noteReached();
    this.#attempt = { kind: "first" };
    // Reach matters for undecided mutants only.
    if (undecided.size === 0) test.mode = "skip";
    // vitest compares the number of the repetition with this before each one.
    test.repeats = { valueOf: () => (this.#attempt === undefined ? -1 : Infinity) };
    await super.onBeforeRunTask?.(test);
  }

  async onBeforeTryTask(test, attempt) {
    const { kind, mutant } = this.#attempt;
    if (kind === "mutant") log({ event: "trying", mutant });
    reached.clear();
    active = kind === "mutant" ? mutant : undefined;
    mostTimes = this.#attempt.mostTimes ?? 0;
    test.result.state = "run";
    test.result.errors = undefined;
    this.#startedAt = now();
    await super.onBeforeTryTask?.(test, attempt);
  }

  async onAfterRetryTask(test, attempt) {
    await super.onAfterRetryTask?.(test, attempt);
    active = undefined;
    const passed = test.result.state === "pass";
    const tookMs = now() - this.#startedAt;
    this.#noteReached();
    this.#attempt = this.#next(test, passed, tookMs);
  }

  async onAfterRunFiles(files) {
    this.#noteReached();
    log({ event: "done", file: files[0].filepath, reached: [...this.#reachedInFile] });
    await super.onAfterRunFiles?.(files);
  }

  #noteReached() {
    for (const id of reached.keys()) this.#reachedInFile.add(id);
  }

  #next(test, passed, tookMs) {
    const { kind, mutant } = this.#attempt;
    if (kind === "first") {
      const usable = passed && tookMs <= slowTestMs && test.timeout <= this.config.testTimeout;
      this.#queue = usable ? [...reached].filter(([id]) => undecided.has(id) && !isSpent(id)) : [];
    } else if (kind === "mutant") {
      const { tries, ms } = spent.get(mutant) ?? { tries: 0, ms: 0 };
      spent.set(mutant, { tries: tries + 1, ms: ms + tookMs });
      const loops = (reached.get(mutant) ?? 0) > this.#attempt.mostTimes;
      if (!passed || loops) return { kind: "check", mutant, left: mostChecks };
    } else if (!passed && this.#attempt.left > 1) {
      return { ...this.#attempt, left: this.#attempt.left - 1 };
    } else {
      undecided.delete(mutant);
      log({ event: passed ? "killed" : "unclear", mutant });
      // The mutant has left something behind that fails the test: only a new process can go on.
      if (!passed) process.kill(process.pid, "SIGKILL");
    }
    const next = this.#queue.shift();
    if (next === undefined) return undefined;
    return { kind: "mutant", mutant: next[0], mostTimes: timesFactor * next[1] + timesMore };
  }
}

/** @param {number} id */
function isSpent(id) {
  const { tries, ms } = spent.get(id) ?? { tries: 0, ms: 0 };
  return tries >= mostTries || ms >= longestTriesMs;
}

/** Tests run one after the other: only then is it known which one reached a mutant. */
function serialise(suite) {
  suite.concurrent = false;
  for (const each of suite.tasks ?? []) serialise(each);
}
