/** A client that sends what it likes to a real process and writes down what it gets. */
import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { errorCodeName } from "@trunkline/h2";
import { clientPreface, Flag, FrameFactory, FrameType, parseFrames } from "@trunkline/h2/testing";

/** The number of received bytes that are kept: the GOAWAY is short and comes last, so the beginning is of no use. */
const keptBytes = 4 * 2 ** 20;

export class Attacker {
  frames = new FrameFactory();
  #received = [];
  #receivedBytes = 0;

  constructor(socket) {
    this.socket = socket;
    this.closed = new Promise((resolve) => {
      socket.on("close", () => resolve());
    });
    socket.on("error", () => {}); // it is cut off: what it still sends may fail
    socket.on("data", (chunk) => {
      this.#receivedBytes += chunk.length;
      if (this.#receivedBytes < keptBytes) this.#received.push(chunk);
    });
    socket.on("end", () => socket.end());
  }

  /** @param {number} port */
  static async connect(port) {
    const socket = connect(port, "127.0.0.1");
    await once(socket, "connect");
    return new Attacker(socket);
  }

  /** @param {number} port */
  static async shakenHands(port) {
    const attacker = await Attacker.connect(port);
    attacker.send(clientPreface, attacker.frames.settings(), attacker.frames.settingsAck());
    await attacker.settled();
    return attacker;
  }

  send(...frames) {
    this.socket.write(Buffer.concat(frames));
  }

  /** Sends it piece by piece, as fast as the victim reads, until it is over or the victim has closed. */
  async perform(attack, request) {
    for (const piece of attack.send({ peer: this.frames, request })) {
      if (this.socket.destroyed || this.socket.writableEnded) return;
      if (!this.socket.write(piece)) await Promise.race([once(this.socket, "drain").catch(() => {}), this.closed]);
    }
  }

  get output() {
    return parseFrames(Buffer.concat(this.#received));
  }

  /** Waits until everything that was sent has been handled, or the connection is over. */
  async settled(timeoutMs = 15_000) {
    const mark = Buffer.from(`mark${String(this.#receivedBytes % 10_000).padStart(4, "0")}`);
    this.send(this.frames.ping([...mark]));
    const isAnswer = ({ type, flags, payload }) =>
      type === FrameType.PING && flags === Flag.ACK && mark.equals(payload);
    for (const end = performance.now() + timeoutMs; !this.socket.closed; await sleep(5)) {
      if (this.output.some(isAnswer)) return;
      if (performance.now() > end) throw new Error(`neither an answer nor an end within ${timeoutMs} ms`);
    }
  }

  /** Waits until the victim has closed the connection. */
  async ended(timeoutMs = 15_000) {
    const late = sleep(timeoutMs, "late", { ref: false });
    if ((await Promise.race([this.closed, late])) === "late")
      throw new Error(`the connection is not closed after ${timeoutMs} ms`);
  }

  /** The name of the code in the victim's GOAWAY, and what it says. */
  get goAway() {
    const frame = this.output.findLast(({ type }) => type === FrameType.GOAWAY);
    if (frame === undefined) return undefined;
    const payload = Buffer.from(frame.payload);
    return { code: errorCodeName(payload.readUInt32BE(4)), why: payload.subarray(8).toString("latin1") };
  }
}
