/** A router, `expose` and `connect` as processes, and connections through them on which both sides talk. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../lib/child.mjs";
import { Command, output } from "../lib/command.mjs";
import { Conversation, Echo } from "../lib/conversation.mjs";

export class ResumeLab {
  folder = mkdtempSync(join(tmpdir(), "trunkline-resume-"));
  env = { HOME: this.folder, XDG_RUNTIME_DIR: this.folder, TMPDIR: this.folder };
  /** @type {import("../lib/relay.mjs").Relay[]} */
  relays = [];
  /** @type {any} */
  router;
  /** @type {any} */
  expose;
  /** @type {any} */
  connect;
  /** The router's port. */
  port = 0;
  /** @type {{ stop(): Promise<void> }[]} */
  #commands = [];
  /** @type {Talk[]} */
  #talks = [];

  /**
   * Starts a router. @param {(port: number) => Promise<import("../lib/relay.mjs").Relay[]>} [relays] makes the
   * relays of `connect` and `expose`
   */
  static async start(relays) {
    const lab = new ResumeLab();
    lab.port = await freePort();
    await lab.startRouter();
    if (relays !== undefined) lab.relays = await relays(lab.port);
    return lab;
  }

  /** Starts the router, with the key that it had before, and waits until it is ready. */
  async startRouter() {
    this.router = this.command("router", "--listen", `127.0.0.1:${this.port}`);
    await this.router.event("listening");
  }

  /** Starts a router that nobody uses. */
  async startOtherRouter() {
    const own = { ...this.env, XDG_RUNTIME_DIR: join(this.folder, "other"), HOME: join(this.folder, "other") };
    const router = new Command(["router", "--listen", "127.0.0.1:0"], own);
    this.#commands.push(router);
    await router.event("listening");
    return router;
  }

  /** @param {...string} args */
  command(...args) {
    const command = new Command(args, this.env);
    this.#commands.push(command);
    return command;
  }

  /** Exposes a port, and connects one to it. @param {number} target @returns {Promise<number>} the connected one */
  async tunnel(target, resume = "2m") {
    if (this.relays.length > 0) await this.#mintToken();
    const by = (index) => {
      const relay = this.relays[index];
      return relay === undefined ? [] : ["--endpoint", `127.0.0.1:${relay.port}`, ...this.#token];
    };
    this.expose = this.command("expose", "target", String(target), "--grace", "0", "--resume", resume, ...by(1));
    await this.expose.event("exposed");
    this.connect = this.command("connect", "target", "--listen", "0", "--grace", "0", "--resume", resume, ...by(0));
    return /** @type {any} */ (await this.connect.event("listening")).port;
  }

  /** @type {string[]} */
  #token = [];

  async #mintToken() {
    const file = join(this.folder, "token");
    writeFileSync(file, await output(["token", "mint", "judge"], this.env), { mode: 0o600 });
    this.#token = ["--token-file", file];
  }

  /**
   * Opens connections to an echo, and talks on each of them.
   * @param {number} count
   * @param {number} bytes what is said every 20 ms
   * @param {string} [resume]
   */
  async talk(count, bytes, resume) {
    const echo = await Echo.start();
    const port = await this.tunnel(echo.port, resume);
    const conversations = Array.from({ length: count }, () => new Conversation(port));
    for (const conversation of conversations) conversation.say(1_024);
    for (const conversation of conversations) await conversation.answered(30_000);
    for (const conversation of conversations) conversation.keepTalking(bytes);
    const talk = new Talk(conversations, echo);
    this.#talks.push(talk);
    return talk;
  }

  async end() {
    for (const talk of this.#talks) talk.stop();
    await Promise.all(this.#commands.map((command) => command.stop()));
    for (const relay of this.relays) relay.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

class Talk {
  #conversations;
  #echo;

  /** @param {Conversation[]} conversations @param {Echo} echo */
  constructor(conversations, echo) {
    this.#conversations = conversations;
    this.#echo = echo;
  }

  /**
   * Waits until something has come on each connection since now, and calls `onGoing` for each when it has.
   * @param {number} timeoutMs
   * @param {() => void} onGoing
   */
  async allGoOn(timeoutMs, onGoing = () => {}) {
    const waiting = new Map(this.#conversations.map((conversation) => [conversation, conversation.received]));
    for (const endMs = performance.now() + timeoutMs; waiting.size > 0; await sleep(5)) {
      for (const [conversation, before] of waiting) {
        if (conversation.received === before) continue;
        waiting.delete(conversation);
        onGoing();
      }
      if (performance.now() > endMs) throw new Error(`${waiting.size} connections have not gone on in ${timeoutMs} ms`);
    }
  }

  /** Says nothing more: all that was said has to come back, and an orderly end behind it. */
  async endWhole() {
    for (const conversation of this.#conversations) conversation.finish();
    for (const [index, conversation] of this.#conversations.entries()) {
      const how = await Promise.race([conversation.ended, sleep(60_000, "no end", { ref: false })]);
      if (how !== "end") throw new Error(`connection ${index} ended with ${how} after ${conversation.received} bytes`);
      await conversation.answered(0);
    }
  }

  /** Waits until each connection is broken at both ends; an orderly end is an error. */
  async allBreak() {
    for (const conversation of this.#conversations) {
      const how = await Promise.race([conversation.ended, sleep(10_000, "no end", { ref: false })]);
      if (how === "end" || how === "no end") throw new Error(`the client's connection ended with ${how}`);
    }
  }

  resetGaps() {
    for (const conversation of this.#conversations) conversation.longestGapMs = 0;
  }

  gapsMs() {
    return this.#conversations.map(({ longestGapMs }) => longestGapMs);
  }

  stop() {
    for (const conversation of this.#conversations) conversation.stop();
    this.#echo.close();
  }
}
