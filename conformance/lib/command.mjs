/** The built command in processes of its own, and the events that it writes. */
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { launch } from "./child.mjs";

const main = fileURLToPath(new URL("../../packages/cli/dist/main.js", import.meta.url));

export class Command {
  #child;
  /** @type {Record<string, unknown>[]} */
  #events = [];
  #heard = new Set();
  #stderr = "";
  /**
   * The exit code, or the signal that has ended the process; undefined while it runs.
   * @type {string | number | undefined}
   */
  exit;

  /** @param {readonly string[]} args @param {Record<string, string>} env */
  constructor(args, env) {
    this.#child = launch(process.execPath, [main, ...args, "--json"], {
      env: { PATH: process.env.PATH, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child.stderr.on("data", (text) => {
      this.#stderr = (this.#stderr + text).slice(-2_000);
    });
    this.ended = once(this.#child, "close").then(([code, signal]) => {
      this.exit = signal ?? code;
    });
    createInterface({ input: this.#child.stdout }).on("line", (line) => {
      if (!line.startsWith("{")) return;
      this.#events.push(JSON.parse(line));
      for (const look of this.#heard) look();
    });
  }

  /** Resolves with the first event of a kind. @param {string} kind @param {number} timeoutMs */
  event(kind, timeoutMs = 60_000) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => done(() => reject(new Error(`no event ${kind} within ${timeoutMs} ms: ${this.#stderr}`))),
        timeoutMs,
      );
      const done = (settle) => {
        clearTimeout(timer);
        this.#heard.delete(look);
        settle();
      };
      const look = () => {
        const event = this.#events.find((each) => each.event === kind);
        if (event !== undefined) done(() => resolve(event));
      };
      this.#heard.add(look);
      void this.ended.then(() => done(() => reject(new Error(`ended without the event ${kind}: ${this.#stderr}`))));
      look();
    });
  }

  /** All events of a kind so far. @param {string} kind */
  all(kind) {
    return this.#events.filter(({ event }) => event === kind);
  }

  /** Everything that it has written, of the log the last part. */
  get text() {
    return `${JSON.stringify(this.#events)}${this.#stderr}`;
  }

  /** Sends a signal. @param {NodeJS.Signals} signal */
  kill(signal) {
    this.#child.kill(signal);
  }

  /** Ends the process at once. */
  async stop() {
    this.#child.kill("SIGKILL");
    await this.ended;
  }
}

/**
 * Runs the command to its end, and returns what it prints. @param {readonly string[]} args @param {Record<string,
 * string>} env
 */
export async function output(args, env) {
  const child = launch(process.execPath, [main, ...args], { env: { PATH: process.env.PATH, ...env } });
  let text = "";
  child.stdout.on("data", (chunk) => {
    text += chunk;
  });
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`${args[0]} ended with ${code}`);
  return text.trim();
}
