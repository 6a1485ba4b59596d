/**
 * A conversation through the tunnel: a client at `connect`'s port and an echo behind `expose`, both checked byte by
 * byte.
 */
import { connect, createServer } from "node:net";

/** The bytes of a conversation repeat after so many, a period that no buffer size shares. */
const period = 251;
/** Bytes from which any run of up to 256 KiB can be taken. */
const pattern = Uint8Array.from({ length: 262_144 + period }, (_, index) => index % period);

/** The bytes from an offset on. @param {number} offset @param {number} length */
const bytesAt = (offset, length) => pattern.subarray(offset % period, (offset % period) + length);

/** An echo service that says how each of its connections ended, counted from the first one that says something. */
export class Echo {
  port = 0;
  #server;
  /** @type {{ ended: Promise<string> }[]} */
  #connections = [];

  /** @returns {Promise<Echo>} */
  static async start() {
    const echo = new Echo();
    await new Promise((resolve) => echo.#server.listen(0, "127.0.0.1", () => resolve(undefined)));
    echo.port = echo.#server.address().port;
    return echo;
  }

  constructor() {
    this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      const ended = endOf(socket);
      // The first connection is that of `expose`, which looks whether the target is there: it says nothing.
      socket.once("data", () => this.#connections.push({ ended }));
      socket.on("end", () => socket.end());
      socket.on("data", (chunk) => {
        if (!socket.write(chunk)) {
          socket.pause();
          socket.once("drain", () => socket.resume());
        }
      });
    });
  }

  /** The end of the connection with this number: `"end"` or an error's code. */
  ended(number) {
    return this.#connections[number]?.ended;
  }

  get count() {
    return this.#connections.length;
  }

  close() {
    this.#server.close();
  }
}

/**
 * Resolves with `"end"` after an orderly end, else with the error's code or `"cut"`. @param {import("node:net").Socket}
 * socket
 */
function endOf(socket) {
  return new Promise((resolve) => {
    let orderly = false;
    socket.on("end", () => {
      orderly = true;
    });
    socket.on("error", (error) => resolve(/** @type {any} */ (error).code ?? "error"));
    socket.on("close", () => resolve(orderly ? "end" : "cut"));
  });
}

export class Conversation {
  sent = 0;
  received = 0;
  /** @type {string | undefined} */
  wrong;
  /** The longest time between two pieces that came, since this was set to 0. */
  longestGapMs = 0;
  #heardMs = performance.now();
  #socket;
  #writing;

  /** @param {number} port */
  constructor(port) {
    this.#socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    this.ended = endOf(this.#socket);
    this.#socket.on("data", (chunk) => {
      if (!chunk.equals(bytesAt(this.received, chunk.length)))
        this.wrong ??= `the bytes from ${this.received} to ${this.received + chunk.length} are others`;
      this.received += chunk.length;
      const nowMs = performance.now();
      this.longestGapMs = Math.max(this.longestGapMs, nowMs - this.#heardMs);
      this.#heardMs = nowMs;
    });
  }

  /** Sends some bytes. @param {number} bytes */
  say(bytes) {
    if (!this.#socket.writable || this.#socket.writableNeedDrain) return;
    this.#socket.write(bytesAt(this.sent, bytes));
    this.sent += bytes;
  }

  /** Sends so many bytes every 20 ms from now on, while the socket takes them. */
  keepTalking(bytes = 1_024) {
    this.#writing = setInterval(() => this.say(bytes), 20);
  }

  /** Sends nothing more, and the end. */
  finish() {
    clearInterval(this.#writing);
    this.#socket.end();
  }

  stop() {
    clearInterval(this.#writing);
    this.#socket.destroy();
  }

  /** Resolves when as much has come back as was sent. @param {number} timeoutMs */
  async answered(timeoutMs) {
    const endMs = performance.now() + timeoutMs;
    while (this.received < this.sent) {
      if (performance.now() > endMs)
        throw new Error(`${this.received} of ${this.sent} bytes came back in ${timeoutMs} ms`);
      if (this.#socket.destroyed) throw new Error(`cut after ${this.received} of ${this.sent} bytes`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    if (this.wrong !== undefined) throw new Error(this.wrong);
  }
}
