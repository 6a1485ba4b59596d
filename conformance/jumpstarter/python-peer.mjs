/** A peer in Python, with Jumpstarter's own stream (`peer.py`). */
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { launch } from "../lib/child.mjs";
import { bearer } from "./tokens.mjs";

const program = fileURLToPath(new URL("peer.py", import.meta.url));

/** The failure of a step at a peer. */
export class StepError extends Error {
  /** @param {{ kind: string, code: string | null, text: string }} described */
  constructor({ kind, code, text }) {
    super(`${kind}${code === null ? "" : ` ${code}`}: ${text}`);
    this.kind = kind;
    this.code = code;
  }
}

export class PythonPeer {
  name = "Python";
  #child;
  #waiting = new Map();
  #steps = 0;
  #streams = 0;

  /** @param {string} python @param {string} endpoint @param {string} [ca] a file, for TLS */
  static async start(python, endpoint, ca) {
    const peer = new PythonPeer();
    peer.#child = launch(python, [program, endpoint, ...(ca === undefined ? [] : [ca])], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    peer.#child.stdin.on("error", () => {}); // it may have been killed
    const gone = once(peer.#child, "close").then(([code, signal]) => {
      peer.#lost(new Error(`the peer in Python has ended with ${signal ?? code}`));
    });
    const ready = new Promise((resolve) => {
      createInterface({ input: peer.#child.stdout }).on("line", (line) => {
        if (line === "ready") resolve();
        else peer.#answered(JSON.parse(line));
      });
    });
    await Promise.race([ready, gone.then(() => Promise.reject(new Error("the peer in Python did not start")))]);
    return peer;
  }

  #answered({ id, value, end, error }) {
    const { resolve, reject } = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error !== undefined) reject(new StepError(error));
    else resolve(end ? "end" : value);
  }

  #lost(error) {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }

  #do(step, more = {}) {
    const id = ++this.#steps;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#child.stdin.write(`${JSON.stringify({ id, do: step, ...more })}\n`);
    });
  }

  /** Opens a stream with a token. */
  open(token) {
    return this.openWith(bearer(token));
  }

  /** Opens a stream with metadata of one's own. @param {readonly (readonly string[])[]} metadata */
  async openWith(metadata, { gzip = false } = {}) {
    const stream = String(++this.#streams);
    await this.#do("open", { stream, metadata, gzip });
    const at = (step, more) => this.#do(step, { stream, ...more });
    return {
      send: (data) => at("send", { data: Buffer.from(data).toString("base64") }),
      /** Bytes, or "end". */
      receive: async () => {
        const value = await at("receive");
        return value === "end" ? value : Buffer.from(value, "base64");
      },
      sendBytes: (count, piece) => at("send_bytes", { count, piece }),
      receiveBytes: (count) => at("receive_bytes", { count }),
      sendEof: () => at("send_eof"),
      close: () => at("aclose"),
      cancel: () => at("cancel"),
      doneWriting: () => at("done_writing"),
      writeFrame: (type, payload) => at("write_frame", { type, payload: Buffer.from(payload).toString("base64") }),
      /** Type and payload; null after the last one. */
      readFrame: async () => {
        const frame = await at("read_frame");
        return frame === null ? null : [frame[0], Buffer.from(frame[1], "base64").toString()];
      },
      /** Code and message of the call. */
      status: () => at("status"),
    };
  }

  /** The first answer of a method to one request, or to none. @param {string} method @param {Buffer} [request] */
  async raw(method, request) {
    const answer = await this.#do("raw", { method, request: request?.toString("base64") ?? null });
    return answer === null ? null : Buffer.from(answer, "base64");
  }

  /** Ends the process without a word to the router. */
  async kill() {
    this.#child.kill("SIGKILL");
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, "close");
  }
}
