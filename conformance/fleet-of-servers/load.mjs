/** Workers that call the fleet without a pause, and what became of each call. */
import { setTimeout as sleep } from "node:timers/promises";
import { createClient, GrpcError, Status } from "@trunkline/grpc";
import { counted, encode, Work } from "./service.mjs";

/** The time that a call may take. */
const timeoutMs = 8_000;
/** The time after its deadline within which a call must have ended. */
const graceMs = 1_000;
/** The kinds of calls, as they take turns. */
const kinds = /** @type {const} */ (["once", "again", "once", "again", "count"]);

/**
 * @typedef {{ id: string, kind: string, status: number, message: string, sentTo: string | undefined, atMs: number,
 * tookMs: number }} Failure
 */

export class Load {
  #client;
  #running = true;
  #workers;
  #next = 0;
  /** @type {Map<string, number>} */
  #byServer = new Map();
  /** @type {Failure[]} */
  failures = [];
  /** The calls that ended well, by kind. @type {Record<string, number>} */
  ended = { once: 0, again: 0, count: 0 };
  /** The longest time that a call has taken. */
  longestMs = 0;
  /** The ids of the calls that ended well and may run only once. @type {string[]} */
  onceIds = [];

  /** @param {import("@trunkline/grpc").Channel} channel @param {number} workers */
  constructor(channel, workers) {
    this.#client = createClient(Work, channel);
    this.#workers = Array.from({ length: workers }, (_, worker) => this.#work(worker));
  }

  async #work(worker) {
    while (this.#running) {
      const number = this.#next;
      this.#next += 1;
      const id = `${process.pid}-${worker}-${number}`;
      await this.#call(id, kinds[number % kinds.length], number % 7 === 0 ? 0 : number % 25);
    }
  }

  async #call(id, kind, workMs) {
    const startedMs = performance.now();
    const call = this.#client[kind].open({ timeoutMs });
    let sentTo;
    try {
      await call.send(encode({ id, workMs }));
      await call.sendEof();
      let server;
      let messages = 0;
      for await (const message of call) {
        server = new TextDecoder().decode(message);
        messages += 1;
      }
      const expected = kind === "count" ? counted : 1;
      if (messages !== expected) throw new Error(`${kind} gave ${messages} messages of ${expected} and status OK`);
      this.#byServer.set(server, (this.#byServer.get(server) ?? 0) + 1);
      this.ended[kind] += 1;
      if (kind === "once") this.onceIds.push(id);
    } catch (error) {
      if (!(error instanceof GrpcError)) throw error;
      sentTo = peerOf(call);
      const atMs = performance.now();
      const { status, message } = error;
      this.failures.push({ id, kind, status, message, sentTo, atMs, tookMs: atMs - startedMs });
    }
    const tookMs = performance.now() - startedMs;
    this.longestMs = Math.max(this.longestMs, tookMs);
    if (tookMs > timeoutMs + graceMs) throw new Error(`a call of ${timeoutMs} ms took ${Math.round(tookMs)} ms`);
  }

  /** The calls that each server has answered within the next `forMs`. @param {number} forMs */
  async answeredIn(forMs) {
    this.#byServer.clear();
    await sleep(forMs);
    return new Map(this.#byServer);
  }

  /** Lets the running calls end. @throws what a worker has thrown */
  async end() {
    this.#running = false;
    await Promise.all(this.#workers);
  }

  /** Rejects as soon as a worker finds something wrong that is not the failure of a call. */
  get broken() {
    return Promise.all(this.#workers).then(() => undefined);
  }
}

/** The address to which a call was sent; undefined if it was sent nowhere. */
function peerOf(call) {
  try {
    return call.peer?.address;
  } catch {
    return undefined;
  }
}

/** @param {Failure} failure */
export const describe = ({ kind, status, message, sentTo }) =>
  `${kind} ${Status[status] ?? status} (${sentTo ?? "sent nowhere"}): ${message}`;
