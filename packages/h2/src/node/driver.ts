/**
 * The pump between a `Transport` and a `Connection`: bytes in, one write a turn of the event loop for everything that
 * became ready in it, one timer. It must not know what the streams carry.
 */
import type { Connection } from "../connection/connection.js";
import { ErrorCode } from "../error-code.js";
import { type DriverClock, systemClock } from "./clock.js";
import type { Transport } from "./transport.js";

/** How long a finished connection may take to be closed by the other side before it is cut. */
const lingerMs = 1_000;

/** What a driver needs of a `Connection`, whatever its context is. */
export type DrivenConnection = Pick<
  Connection<unknown>,
  "receive" | "takeOutput" | "onOutput" | "wantsInput" | "closed" | "nextDeadline" | "handleTimeout" | "goAway" | "transportClosed"
>;

export interface DriverOptions {
  /** Default: the system's. */
  readonly clock?: DriverClock;
}

export class ConnectionDriver {
  readonly #connection: DrivenConnection;
  readonly #transport: Transport;
  readonly #clock: DriverClock;
  #flushScheduled = false;
  /** The transport takes no more until it says so. */
  #blocked = false;
  #paused = false;
  #ended = false;
  #transportClosed = false;
  #armedFor: number | undefined;
  #disarm: (() => void) | undefined;
  readonly #flush = (): void => this.#flushNow();
  #finish: () => void = () => {};
  /** Resolves when the transport is closed; never rejects: why is told by the connection's `onClose`. */
  readonly done: Promise<void>;

  constructor(connection: DrivenConnection, transport: Transport, options: DriverOptions = {}) {
    this.#connection = connection;
    this.#transport = transport;
    this.#clock = options.clock ?? systemClock;
    this.done = new Promise((resolve) => {
      this.#finish = resolve;
    });
    connection.onOutput = () => this.#schedule();
    connection.handleTimeout(this.#clock.nowMs());
    transport.start({
      onData: (chunk) => this.#onData(chunk),
      onDrain: () => this.#onDrain(),
      onEnd: () => this.#onEnd(undefined),
      onClose: (error) => this.#onClose(error),
    });
    this.#schedule();
  }

  /** Orderly: no new streams, live ones go on, then the transport is half-closed and drained. */
  close(): void {
    this.#connection.goAway(ErrorCode.NO_ERROR);
    this.#schedule();
  }

  /** At once: every stream ends with `onReset`; nothing that waits is written. */
  destroy(cause?: unknown): void {
    this.#connection.transportClosed(cause ?? new Error("the connection was destroyed"));
    this.#transport.destroy();
  }

  #onData(chunk: Uint8Array): void {
    const connection = this.#connection;
    if (connection.closed) return;
    connection.receive(chunk, this.#clock.nowMs());
    if (this.#blocked && !connection.wantsInput && !this.#paused) {
      this.#paused = true;
      this.#transport.pause();
    }
    this.#arm();
    if (connection.closed) this.#schedule();
  }

  #schedule(): void {
    if (this.#flushScheduled || this.#blocked) return;
    this.#flushScheduled = true;
    // After the callbacks and promises of this turn: everything they made ready goes out in one write.
    setImmediate(this.#flush);
  }

  #flushNow(): void {
    this.#flushScheduled = false;
    if (this.#transportClosed) return;
    while (!this.#blocked) {
      const chunks = this.#connection.takeOutput();
      if (chunks.length === 0) break;
      this.#blocked = !this.#transport.write(chunks);
    }
    if (this.#connection.closed) this.#end();
    else this.#arm();
  }

  #onDrain(): void {
    this.#blocked = false;
    if (!this.#flushScheduled) this.#flushNow();
    if (this.#paused && !this.#blocked) {
      this.#paused = false;
      this.#transport.resume();
    }
  }

  /** The connection is over: half-close, then read and drop what still comes, so that the peer sees our last words and no TCP reset. */
  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#disarm?.();
    if (this.#paused) this.#transport.resume();
    this.#transport.end();
    this.#disarm = this.#clock.at(this.#clock.nowMs() + lingerMs, () => this.#transport.destroy());
  }

  #onEnd(error: Error | undefined): void {
    this.#connection.transportClosed(error);
    this.#schedule();
  }

  #onClose(error: Error | undefined): void {
    this.#transportClosed = true;
    this.#connection.transportClosed(error);
    this.#disarm?.();
    this.#finish();
  }

  #arm(): void {
    const deadline = this.#connection.nextDeadline();
    if (deadline === this.#armedFor || this.#ended) return;
    this.#disarm?.();
    this.#armedFor = deadline;
    this.#disarm =
      deadline === undefined
        ? undefined
        : this.#clock.at(deadline, () => {
            this.#armedFor = undefined;
            this.#connection.handleTimeout(this.#clock.nowMs());
            if (this.#connection.closed) this.#forceEnd();
            else this.#arm();
          });
  }

  /** After a timeout the transport may be stuck: what can be written is, and the linger bounds the rest. */
  #forceEnd(): void {
    this.#blocked = false;
    this.#schedule();
  }
}
