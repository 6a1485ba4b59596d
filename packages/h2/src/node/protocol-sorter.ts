/**
 * Tells HTTP/2 and HTTP/1.1 apart by the first byte of a plaintext connection: GET begins with another one than the
 * preface of HTTP/2 (RFC 9113 §3.4). It must not know what either serves.
 */
import type net from "node:net";
import type { Clock } from "@trunkline/base";

/** The time for the first byte: what HTTP/2 has for its preface. */
const firstByteMs = 10_000;

const letterG = 0x47;

export class ProtocolSorter {
  readonly #onHttp2: (socket: net.Socket) => void;
  readonly #onHttp1: (socket: net.Socket) => void;
  /** The connections that have sent nothing yet. */
  readonly #silent: Set<net.Socket> = new Set();

  readonly #clock: Clock;

  constructor(onHttp2: (socket: net.Socket) => void, onHttp1: (socket: net.Socket) => void, clock: Clock) {
    this.#clock = clock;
    this.#onHttp2 = onHttp2;
    this.#onHttp1 = onHttp1;
  }

  /** Takes a connection; its bytes stay in it. One that ends or is silent for too long is closed. */
  add(socket: net.Socket): void {
    this.#silent.add(socket);
    const disarm = this.#clock.at(this.#clock.nowMs() + firstByteMs, () => void socket.destroy(), "watch");
    const forget = (): void => {
      disarm();
      this.#silent.delete(socket);
      socket.off("readable", onReadable).off("close", forget).off("end", onEnd);
    };
    const onEnd = (): void => void socket.destroy();
    const onReadable = (): void => {
      const bytes = socket.read() as Buffer | null;
      if (bytes === null) return;
      forget();
      socket.unshift(bytes);
      if (bytes[0] === letterG) this.#onHttp1(socket);
      else this.#onHttp2(socket);
    };
    // The listener stays: an error before the next user listens must not end the process.
    socket.on("error", () => {});
    socket.on("readable", onReadable).on("close", forget).on("end", onEnd);
  }

  /** Closes the connections that have sent nothing. */
  clear(): void {
    for (const socket of this.#silent) socket.destroy();
  }
}
