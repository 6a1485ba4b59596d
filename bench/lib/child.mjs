/** A process of a run as its harness sees it: started with a task, it says one JSON object a line, and always ends. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** The time that a child has to end after it was asked to; then it is killed. */
const stopLimitMs = 2_000;
/** The number of characters of a child's stderr that are kept, to say why it failed. */
const maxStderrCharacters = 4_000;

export class Child {
  #process;
  #lines;
  #stderr = "";
  #name;

  /**
   * @param {readonly string[]} command the program and its first arguments
   * @param {import("../types.d.ts").Task | import("../types.d.ts").DelayTask} task
   */
  constructor(command, task) {
    this.#name = "subject" in task ? `${task.subject} ${task.role}` : "the relay that delays";
    const [program, ...args] = command;
    this.#process = spawn(/** @type {string} */ (program), [...args, JSON.stringify(task)], {
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.#process.on("error", (error) => {
      this.#stderr += error.message;
    });
    this.#process.stdin.on("error", () => {}); // it has ended: the next line it should say is missing
    this.#process.stderr.setEncoding("utf8").on("data", (text) => {
      this.#stderr = (this.#stderr + text).slice(-maxStderrCharacters);
    });
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  get pid() {
    return this.#process.pid;
  }

  /**
   * The next object it says. The task's own limit bounds the wait: the child ends by then.
   * @returns {Promise<any>}
   */
  async next() {
    const line = await this.#lines.next();
    if (line.done) throw new Error(`${this.#name} ended early: ${lastWords(this.#stderr)}`);
    return JSON.parse(line.value);
  }

  /** @param {string} question */
  ask(question) {
    this.#process.stdin.write(`${question}\n`);
    return this.next();
  }

  async stop() {
    const child = this.#process;
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.stdin.end();
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), stopLimitMs);
    await exited;
    clearTimeout(timer);
  }
}

/** @param {string} stderr */
function lastWords(stderr) {
  const lines = stderr.split("\n").filter((line) => line.trim() !== "");
  return lines.find((line) => /error/i.test(line)) ?? lines.at(-1) ?? "it said nothing";
}
