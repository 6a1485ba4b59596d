/**
 * Runs each test without a mutant, which shows the mutants that it reaches, and then once with each of those that no
 * test has noticed yet. A failure counts only if the test passes without the mutant right afterwards. A file leaves
 * those mutants to a fresh process that it reaches in a test that was not tried with them, or outside of its tests.
 * What happens is written to a log, line by line, since a mutant may hang or end this process at any time.
 */
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { VitestTestRunner } from "vitest/runners";

/**
 * @typedef {object} WarmTask
 * @property {string} log the path of the log
 * @property {number[]} undecided the mutants to try
 * @property {number} slowTestMs the time without a mutant past which a test is left to a later run
 * @property {number[]} left the mutants that only fresh processes decide, of which is noted where they are reached
 */
/**
 * @typedef {{ event: "began" | "done", file: string, left?: number[] }
 *   | { event: "imported", reached: number[] }
 *   | { event: "trying" | "killed" | "unclear", mutant: number }} LogLine
 */

const { task } = JSON.parse(readFileSync(process.env.TRUNKLINE_MUTANTS ?? "", "utf8"));
/** A mutant that tests have not noticed in so long a time is left to them, too. */
const longestTriesMs = 15_000;

const undecided = new Set(task.undecided);
// The project that a test file belongs to may give it a new process, which goes on where the one before it has ended.
if (existsSync(task.log)) {
  for (const line of readFileSync(task.log, "utf8").split("\n").slice(0, -1)) {
    const { event, mutant, reached = [] } = JSON.parse(line);
    if (event === "killed" || event === "unclear") undecided.delete(mutant);
    for (const id of reached) undecided.delete(id);
  }
}
/** The time of all attempts with a mutant. @type {Map<number, number>} */
const spentMs = new Map();
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
/** The shortest time that a test has with a mutant; past it a test waits for something that does not come any more. */
const leastTestMs = 2_000;
// As they are before a test puts its own in their places.
const now = performance.now.bind(performance);
const { setTimeout: startTimer, clearTimeout: stopTimer } = globalThis;

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
  /** The mutants that this file leaves to a fresh process. */
  #left = new Set();
  /** The mutants that this test is still to try, with the number of times that it reaches each. */
  /** @type {[mutant: number, times: number][]} */
  #queue = [];
  /** @type {{ kind: "first" } | { kind: "mutant", mutant: number, mostTimes: number }
   *   | { kind: "check", mutant: number, left: number } | undefined} */
  #attempt;
  #startedAt = 0;
  /** The time that the test takes without a mutant. */
  #usualMs = 0;

  async onBeforeCollect(paths) {
    log({ event: "began", file: paths[0] });
    reached.clear();
    this.#left.clear();
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
    this.#leaveReached();
    this.#attempt = { kind: "first" };
    if (undecided.size === 0 && task.left.length === 0) test.mode = "skip";
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

  /** Runs a test: with a mutant for at most ten times as long as without, and no shorter than `leastTestMs`. */
  async runTask(test) {
    const run = VitestTestRunner.getTestFn(test);
    if (this.#attempt.kind !== "mutant") return await run();
    const { promise, cancel } = failsAfter(Math.max(leastTestMs, 10 * this.#usualMs));
    try {
      await Promise.race([run(), promise]);
    } finally {
      cancel();
    }
  }

  async onAfterRetryTask(test, attempt) {
    await super.onAfterRetryTask?.(test, attempt);
    active = undefined;
    const passed = test.result.state === "pass";
    const tookMs = now() - this.#startedAt;
    this.#attempt = this.#next(test, passed, tookMs);
    // What is reached from here on belongs to no attempt.
    reached.clear();
  }

  async onAfterRunFiles(files) {
    this.#leaveReached();
    log({ event: "done", file: files[0].filepath, left: [...this.#left] });
    await super.onAfterRunFiles?.(files);
  }

  #leaveReached() {
    for (const id of reached.keys()) this.#left.add(id);
  }

  #next(test, passed, tookMs) {
    const { kind, mutant } = this.#attempt;
    if (kind === "first") {
      this.#usualMs = tookMs;
      const usable = passed && tookMs <= task.slowTestMs && test.timeout <= this.config.testTimeout;
      for (const [id, times] of reached) {
        if (usable && undecided.has(id) && (spentMs.get(id) ?? 0) < longestTriesMs) this.#queue.push([id, times]);
        else this.#left.add(id);
      }
    } else if (kind === "mutant") {
      spentMs.set(mutant, (spentMs.get(mutant) ?? 0) + tookMs);
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

/** @param {number} ms @returns {{ promise: Promise<never>, cancel: () => void }} */
function failsAfter(ms) {
  let timer;
  const promise = new Promise((_, reject) => {
    timer = startTimer(() => reject(new Error(`the test has not ended within ${ms} ms`)), ms);
  });
  return { promise, cancel: () => stopTimer(timer) };
}

/** Tests run one after the other: only then is it known which one reached a mutant. */
function serialise(suite) {
  suite.concurrent = false;
  for (const each of suite.tasks ?? []) serialise(each);
}
