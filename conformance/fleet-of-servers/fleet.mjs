/** Five places for servers, each with a port and a log of its own, and what can happen to a server. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { freePort, startServer } from "../lib/child.mjs";

const program = fileURLToPath(new URL("server.mjs", import.meta.url));

/** The time after which a server that was asked to end must have ended. */
const drainedMs = 15_000;

/** @typedef {{ port: number, logFile: string, server: import("../lib/child.mjs").RunningServer | undefined }} Place */

export class Fleet {
  /** @type {Place[]} */
  #places = [];
  #folder = mkdtempSync(join(tmpdir(), "fleet-"));
  /** The places that the resolver gives. @type {Set<number>} */
  #known = new Set();

  /** @param {number} size @returns {Promise<Fleet>} */
  static async start(size) {
    const fleet = new Fleet();
    for (let place = 0; place < size; place += 1) {
      const logFile = join(fleet.#folder, `${place}.log`);
      fleet.#places.push({ port: await freePort(), logFile, server: undefined });
      fleet.#known.add(place);
    }
    await Promise.all(fleet.#places.map((_, place) => fleet.startServer(place)));
    return fleet;
  }

  get size() {
    return this.#places.length;
  }

  /** The addresses that the resolver gives. */
  get addresses() {
    return [...this.#known].map((place) => this.addressOf(place));
  }

  /** @param {number} place */
  addressOf(place) {
    return `127.0.0.1:${this.#places[place].port}`;
  }

  /** @param {number} place */
  async startServer(place) {
    const { port, logFile } = this.#places[place];
    this.#places[place].server = await startServer(process.execPath, [program, String(port), logFile]);
  }

  /** @param {number} place */
  async kill(place) {
    await this.#places[place].server.stop();
  }

  /** @param {number} place @param {"SIGSTOP" | "SIGCONT" | "SIGTERM"} signal */
  signal(place, signal) {
    process.kill(this.#places[place].server.pid, signal);
  }

  /** Asks a server to end, and waits until it has. @param {number} place */
  async drain(place) {
    const { server } = this.#places[place];
    this.signal(place, "SIGTERM");
    for (const endMs = performance.now() + drainedMs; server.alive; await sleep(10))
      if (performance.now() > endMs) throw new Error(`a server that was asked to end runs after ${drainedMs} ms`);
    if (server.end !== 0) throw new Error(`a server that was asked to end ended with ${server.end}`);
  }

  /** The resolver no longer gives this place. @param {number} place */
  remove(place) {
    this.#known.delete(place);
  }

  /** @param {number} place */
  add(place) {
    this.#known.add(place);
  }

  /** The number of handlers that began to work on each call. @returns {Map<string, number>} */
  begun() {
    const counts = new Map();
    for (const { logFile } of this.#places)
      for (const id of readFileSync(logFile, "utf8").split("\n"))
        if (id !== "") counts.set(id, (counts.get(id) ?? 0) + 1);
    return counts;
  }

  async end() {
    await Promise.all(this.#places.map(({ server }) => server?.stop()));
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
