/** A client's program that runs: a CallSpec in, an Outcome out. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { create, fromJsonString, toJsonString } from "@bufbuild/protobuf";
import { CallSpecSchema, OutcomeSchema } from "./gen/peer_pb.js";

const outcomeTimeoutMs = 60_000;

const running = new Set();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

export class Driver {
  #child;
  #lines;
  #ended = false;

  /** @param {import("./programs.mjs").Program} program */
  constructor({ program, args, env }, target) {
    this.#child = spawn(program, [...args, "client", target], { env, stdio: ["pipe", "pipe", "inherit"] });
    this.#child.stdin.on("error", () => {});
    this.#child.once("close", () => {
      this.#ended = true;
      running.delete(this.#child);
    });
    running.add(this.#child);
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /**
   * Has one call made.
   * @throws {Error} when the program fails, or says nothing in time
   */
  async call(spec) {
    if (this.#ended) throw new Error("the client's program has ended");
    this.#child.stdin.write(`${toJsonString(CallSpecSchema, create(CallSpecSchema, spec))}\n`);
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), outcomeTimeoutMs);
    const { value, done } = await this.#lines.next();
    clearTimeout(timer);
    if (done)
      throw new Error(`the client's program ended, or was not done with the call within ${outcomeTimeoutMs} ms`);
    const outcome = fromJsonString(OutcomeSchema, value);
    if (outcome.failure !== "") throw new Error(`the client's program failed: ${outcome.failure}`);
    return outcome;
  }

  async stop() {
    if (this.#ended) return;
    this.#child.kill("SIGKILL");
    await once(this.#child, "close");
  }
}
