/**
 * The pump between a `Transport` and a `Connection`: bytes in, one write a turn of the event loop for everything that
 * became ready in it, one timer. It must not know what the streams carry.
 */

import { type Clock, Fifo } from "@trunkline/base";
import { setImmediate, systemClock } from "@trunkline/base/node";
import type { Connection } from "../connection/connection.js";
import { ErrorCode } from "../error-code.js";
import { Linger } from "./linger.js";
import type { Transport } from "./transport.js";

/** The part of a `Connection` that a driver needs. */
export type DrivenConnection = Pick<
  Connection,
  | "receive"
  | "takeOutput"
  | "takeWritten"
  | "attach"
  | "wantsInput"
  | "overBudget"
  | "closed"
  | "nextDeadline"
  | "handleTimeout"
  | "goAway"
  | "transportClosed"
>;

export interface DriverOptions {
  /** The clock. Default: the clock of the system. */
  readonly clock?: Clock;
}

export class ConnectionDriver {
  readonly #connection: DrivenConnection;
  readonly #transport: Transport;
  readonly #clock: Clock;
  #flushScheduled = false;
  /** True while the transport takes no more. */
  #blocked = false;
  #paused = false;
  /** True within the engine or a write out of it: what comes meanwhile, as it may in memory, waits in `#held`. */
  #busy = false;
  readonly #held: Fifo<Uint8Array> = new Fifo();
  /** The end of the transport, once the connection is over. */
  #linger: Linger | undefined;
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
    connection.attach({
      onOutput: () => this.#schedule(),
      onBatch: () => this.#writeBatch(),
      nowMs: () => this.#clock.nowMs(),
    });
    connection.handleTimeout(this.#clock.nowMs());
    transport.start({
      onData: (chunk) => this.#onData(chunk),
      onDrain: () => this.#onDrain(),
      onEnd: () => this.#onEnd(undefined),
      onClose: (error) => this.#onClose(error),
    });
    this.#schedule();
  }

  /** Closes gracefully: no new streams, live ones go on, then the transport is half-closed and drained. */
  close(): void {
    this.#connection.goAway(ErrorCode.NO_ERROR);
    this.#arm();
  }

  /** Closes at once: every stream ends with `onReset`, and nothing that waits is written. */
  destroy(cause?: unknown): void {
    this.#connection.transportClosed(cause ?? new Error("the connection was destroyed"));
    this.#transport.destroy();
  }

  #onData(chunk: Uint8Array): void {
    if (this.#busy || this.#held.size > 0) this.#held.push(chunk);
    else this.#receive(chunk);
  }

  #receive(chunk: Uint8Array): void {
    const connection = this.#connection;
    this.#busy = true;
    for (let next: Uint8Array | undefined = chunk; next !== undefined; next = this.#held.shift()) {
      if (connection.closed) this.#linger?.received(next.length);
      else connection.receive(next, this.#clock.nowMs());
    }
    this.#busy = false;
    this.#pauseOrResume();
    this.#arm();
  }

  /**
   * Reads no more from a peer that does not read our answers, or while the connection holds too much that is unread.
   */
  #pauseOrResume(): void {
    const connection = this.#connection;
    const paused = !connection.closed && ((this.#blocked && !connection.wantsInput) || connection.overBudget);
    if (paused === this.#paused) return;
    this.#paused = paused;
    if (paused) this.#transport.pause();
    else this.#transport.resume();
  }

  readonly #receiveHeld = (): void => {
    const first = this.#busy ? undefined : this.#held.shift();
    if (first !== undefined) this.#receive(first);
  };

  #schedule(): void {
    // A connection that is over may not wait for a peer that does not read: its last words are few, and go behind the
    // rest.
    if (this.#flushScheduled || (this.#blocked && !this.#connection.closed)) return;
    this.#flushScheduled = true;
    // After the callbacks and promises of this turn: everything they made ready goes out in one write.
    setImmediate(this.#flush);
  }

  /**
   * Writes a batch in the middle of a turn: the other side begins with the first answers or requests while this one
   * works on the next. With 100 unary calls in flight the two processes took turns without it, and did a third less.
   */
  #writeBatch(): void {
    if (this.#blocked || this.#transportClosed || this.#connection.closed) return;
    const within = this.#busy;
    this.#busy = true;
    this.#blocked = !this.#transport.write(this.#connection.takeWritten());
    this.#busy = within;
    if (this.#blocked) this.#arm();
    if (!within && this.#held.size > 0) setImmediate(this.#receiveHeld);
  }

  #flushNow(): void {
    this.#flushScheduled = false;
    if (this.#transportClosed) return;
    const { closed } = this.#connection;
    while (!this.#blocked || closed) {
      const chunks = this.#connection.takeOutput();
      if (chunks.length === 0) break;
      this.#blocked = !this.#transport.write(chunks);
    }
    if (this.#connection.closed) this.#end();
    else {
      this.#pauseOrResume();
      this.#arm();
    }
  }

  #onDrain(): void {
    this.#blocked = false;
    if (!this.#flushScheduled) this.#flushNow();
    if (this.#linger === undefined) this.#pauseOrResume();
  }

  /**
   * Half-closes the transport of a connection that is over, then reads and drops what still comes, so that the peer
   * sees our last frames and no TCP reset.
   */
  #end(): void {
    if (this.#linger !== undefined) return;
    this.#disarm?.();
    if (this.#paused) this.#transport.resume();
    this.#linger = new Linger(this.#transport, this.#clock);
  }

  #onEnd(error: Error | undefined): void {
    this.#receiveHeld();
    this.#connection.transportClosed(error);
    this.#schedule();
  }

  #onClose(error: Error | undefined): void {
    this.#receiveHeld();
    this.#transportClosed = true;
    this.#connection.transportClosed(error);
    this.#disarm?.();
    this.#linger?.stop();
    this.#finish();
  }

  #arm(): void {
    const deadline = this.#connection.nextDeadline();
    if (deadline === this.#armedFor || this.#linger !== undefined) return;
    this.#disarm?.();
    this.#armedFor = deadline;
    this.#disarm =
      deadline === undefined
        ? undefined
        : this.#clock.at(
            deadline,
            () => {
              this.#armedFor = undefined;
              this.#connection.handleTimeout(this.#clock.nowMs());
              this.#arm();
            },
            "watch",
          );
  }
}
