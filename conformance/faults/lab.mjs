/** A router, a listener, a dialler and a target as processes, and a conversation through them. */
import { fork, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort } from "../lib/child.mjs";
import { Command } from "../lib/command.mjs";
import { Conversation } from "../lib/conversation.mjs";

const main = fileURLToPath(new URL("../../packages/cli/dist/main.js", import.meta.url));
const program = fileURLToPath(new URL("target.mjs", import.meta.url));
/** @type {Set<import("node:child_process").ChildProcess>} */
const running = new Set();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** The router, which can be started again at its port and with its key. */
export class TestRouter {
  #folder = mkdtempSync(join(tmpdir(), "router-faults-"));
  env = { HOME: this.#folder, XDG_RUNTIME_DIR: this.#folder, TMPDIR: this.#folder };
  #args;
  port = 0;
  /** @type {any} */
  command;

  /** @param {readonly string[]} args */
  static async start(args) {
    const router = new TestRouter(args);
    router.port = await freePort();
    await router.start();
    return router;
  }

  /** @param {readonly string[]} args */
  constructor(args) {
    this.#args = args;
  }

  async start() {
    const at = ["--listen", `127.0.0.1:${this.port}`, "--dashboard", "off"];
    this.command = new Command(["router", ...at, ...this.#args], this.env);
    await this.command.event("listening");
  }

  async stop() {
    await this.command.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** The target, which can be started again at its port. */
export class Target {
  port = 0;
  /** True once a connection has had an end of its input. */
  inputEnded = false;
  /** @type {{ how: string, sent: number } | undefined} */
  closed;
  #child;

  static async start() {
    const target = new Target();
    await target.start();
    return target;
  }

  async start() {
    const child = fork(program, [String(this.port)], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
    this.#child = child;
    running.add(child);
    child.once("close", () => running.delete(child));
    child.on("message", (/** @type {any} */ message) => {
      if (message.number === 0 && message.kind === "input-ended") this.inputEnded = true;
      if (message.number === 0 && message.kind === "closed") this.closed = message;
    });
    const [{ port }] = await once(child, "message");
    this.port = port;
  }

  kill(signal) {
    this.#child.kill(signal);
  }

  /** Lets its connections end once they have sent back what came. */
  finish() {
    this.#child.send("finish");
  }

  async stop() {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill("SIGKILL");
    await once(this.#child, "close");
  }
}

/** A tunnel to a target, over a router that others may use as well. */
export class Tunnel {
  /** @type {any} */
  listener;
  /** @type {any} */
  dialler;
  /** @type {any} */
  target;
  /** @type {any} */
  conversation;
  port = 0;
  /** @type {{ stop(): unknown }[]} */
  #all = [];
  #name;
  #options;

  /** @param {TestRouter} router @param {string} name @param {readonly string[]} options */
  static async start(router, name, options) {
    const tunnel = new Tunnel(router, name, options);
    try {
      tunnel.target = await Target.start();
      tunnel.#all.push(tunnel.target);
      await tunnel.startListener();
      await tunnel.startDialler();
    } catch (error) {
      await tunnel.stop();
      throw error;
    }
    return tunnel;
  }

  /** @param {TestRouter} router @param {string} name @param {readonly string[]} options */
  constructor(router, name, options) {
    this.router = router;
    this.#name = name;
    this.#options = ["--grace", "0", ...options];
  }

  #command(...args) {
    const command = new Command([...args, ...this.#options], this.router.env);
    this.#all.push(command);
    return command;
  }

  async startListener() {
    this.listener = this.#command("expose", this.#name, String(this.target.port));
    await this.listener.event("exposed");
  }

  async startDialler() {
    this.dialler = this.#command("connect", this.#name, "--listen", "0", "--wait", "3s");
    this.port = (await this.dialler.event("listening")).port;
  }

  /** The process of a role. @param {string} role */
  process(role) {
    return role === "router" ? this.router.command : this[role];
  }

  /** Opens a connection to the dialler's port. */
  converse() {
    const conversation = new Conversation(this.port);
    this.#all.push(conversation);
    conversation.say(1_024);
    return conversation;
  }

  /** A dialler over standard input and output, which has said something and keeps its input open. */
  standardDialler() {
    const args = [main, "connect", this.#name, "--stdio", ...this.#options];
    const env = { PATH: process.env.PATH, ...this.router.env };
    const child = spawn(process.execPath, args, { env, stdio: ["pipe", "pipe", "ignore"] });
    running.add(child);
    child.stdin.on("error", () => {}); // its end is what is judged
    child.stdin.write("word");
    const dialler = {
      /** @type {string | number | undefined} */
      exit: undefined,
      said: once(child.stdout, "data"),
      ended: once(child, "close").then(([code, signal]) => {
        running.delete(child);
        dialler.exit = signal ?? code;
      }),
      stop: () => child.kill("SIGKILL"),
    };
    this.#all.push(dialler);
    return dialler;
  }

  async stop() {
    await Promise.all(this.#all.map((each) => each.stop()));
  }
}
