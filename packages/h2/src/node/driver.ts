/**
 * The pump between a `Transport` and a `Connection`: bytes in, one write a turn of the event loop for everything that
 * became ready in it, one timer. It must not know what the streams carry.
 */

import { type Clock, checkOptionNames, Fifo, optionNames } from "@trunkline/base";
import { setImmediate, systemClock } from "@trunkline/base/node";
import type { Connection } from "../connection/connection.js";
import { sliceMs } from "../connection/receive.js";
import { ErrorCode } from "../error-code.js";
import { Linger } from "./linger.js";
import { SharedTurns } from "./shared-turns.js";
import type { Transport } from "./transport.js";

/** The part of a `Connection` that a driver needs. */
export type DrivenConnection = Pick<
  Connection,
  | "receive"
  | "takeOutput"
  | "takeWritten"
  | "takeCallbacks"
  | "attach"
  | "wantsInput"
  | "overBudget"
  | "closed"
  | "nextDeadline"
  | "handleTimeout"
  | "goAway"
  | "transportClosed"
>;

/**
 * The number of connections that have their whole slice of a turn. Where more have much to do, they share the time of
 * so many: others wait for all of them.
 */
const wholeSlices = 4;

export interface DriverOptions {
  /** The clock. Default: the clock of the system. */
  readonly clock?: Clock;
}

const driverOptionNames = optionNames<DriverOptions>({ clock: true });

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
  /** The rest of a chunk that has taken its time of this turn. */
  #rest: Uint8Array | undefined;
  readonly #held: Fifo<Uint8Array> = new Fifo();
  /** The time at which the first chunk of this turn came; undefined before it. */
  #turnBeganMs: number | undefined;
  readonly #turns: SharedTurns;
  /** True while this connection waits for its next turn. */
  #yielded = false;
  /** True where the last that came took more than the time of a turn: what comes next has to wait for others, too. */
  #wasBusy = false;
  /** The end of the transport, once the connection is over. */
  #linger: Linger | undefined;
  #transportClosed = false;
  #armedFor: number | undefined;
  #disarm: (() => void) | undefined;
  readonly #flush = (): void => this.#flushNow();
  /** Goes on for a slice, since it is the turn of this connection. */
  readonly #takeTurn = (): void => {
    this.#yielded = false;
    this.#turnBeganMs = undefined;
    this.#goOn();
  };
  #finish: () => void = () => {};
  /** Resolves when the transport is closed; never rejects: why is told by the connection's `onClose`. */
  readonly done: Promise<void>;

  constructor(connection: DrivenConnection, transport: Transport, options: DriverOptions = {}) {
    checkOptionNames("ConnectionDriver", options, driverOptionNames);
    this.#connection = connection;
    this.#transport = transport;
    this.#clock = options.clock ?? systemClock;
    this.#turns = SharedTurns.of(this.#clock);
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
    // The transport may use its memory again.
    if (this.#busy || this.#waits) {
      this.#held.push(new Uint8Array(chunk));
      return;
    }
    if (this.#wasBusy && this.#turns.isOver) {
      this.#rest = chunk.slice();
      this.#yield();
      return;
    }
    const taken = this.#give(chunk);
    if (taken < chunk.length) this.#rest = chunk.slice(taken);
    this.#goOn();
    this.#wasBusy = this.#yielded;
  }

  /** Gives the engine a chunk. @returns how many octets it took: the rest is for later */
  #give(chunk: Uint8Array): number {
    const connection = this.#connection;
    const now = this.#clock.nowMs();
    this.#turnBeganMs ??= now;
    this.#busy = true;
    const taken = connection.closed ? chunk.length : connection.receive(chunk, now, this.#share);
    if (connection.closed) this.#linger?.received(chunk.length);
    this.#busy = false;
    return taken;
  }

  /** True while something that has come waits to be given to the engine. */
  get #waits(): boolean {
    return this.#rest !== undefined || this.#held.size > 0;
  }

  #giveNext(): void {
    const chunk = this.#rest ?? (this.#held.shift() as Uint8Array);
    const taken = this.#give(chunk);
    this.#rest = taken < chunk.length ? chunk.subarray(taken) : undefined;
  }

  /**
   * Goes on with what has come, until this connection has had its time of the turn. What waits then, and what the
   * socket has besides, comes after other connections have had theirs.
   */
  #goOn(): void {
    if (this.#busy) return;
    while (this.#waits && !this.#hadItsTurn) this.#giveNext();
    if (this.#hadItsTurn) {
      this.#yield();
      return;
    }
    this.#schedule();
    this.#pauseOrResume();
    this.#arm();
  }

  /** Waits for the next turn of this connection, behind others that have much to do. */
  #yield(): void {
    if (!this.#yielded) {
      this.#yielded = true;
      this.#turns.wait(this.#takeTurn);
    }
    this.#pauseOrResume();
    this.#arm();
  }

  /** True where the engine has stopped within a chunk, or several chunks have taken the time of a slice. */
  get #hadItsTurn(): boolean {
    if (this.#turnBeganMs === undefined) return false;
    return this.#rest !== undefined || this.#clock.nowMs() - this.#turnBeganMs >= sliceMs * this.#share;
  }

  /** The part of a slice that this connection gets, beside the others that have much to do. */
  get #share(): number {
    const others = this.#turns.waiting - (this.#yielded ? 1 : 0);
    return others < wholeSlices ? 1 : wholeSlices / (others + 1);
  }

  /** Gives the engine all that has come: the transport has ended. */
  #giveRest(): void {
    while (this.#waits && !this.#busy) this.#giveNext();
  }

  /**
   * Reads no more from a peer that does not read our answers, while the connection holds too much that is unread, and
   * when it has had its time of this turn.
   */
  #pauseOrResume(): void {
    const connection = this.#connection;
    const paused =
      !connection.closed && ((this.#blocked && !connection.wantsInput) || connection.overBudget || this.#yielded);
    if (paused === this.#paused) return;
    this.#paused = paused;
    if (paused) this.#transport.pause();
    else this.#transport.resume();
  }

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
    this.#blocked = !this.#write(this.#connection.takeWritten());
    this.#busy = within;
    if (!within && this.#held.size > 0) setImmediate(() => this.#goOn());
  }

  #flushNow(): void {
    this.#flushScheduled = false;
    if (!this.#yielded) this.#turnBeganMs = undefined;
    if (this.#transportClosed) return;
    const { closed } = this.#connection;
    while (!this.#blocked || closed) {
      const chunks = this.#connection.takeOutput();
      if (chunks.length === 0) break;
      this.#blocked = !this.#write(chunks);
    }
    if (this.#connection.closed) this.#end();
    else {
      this.#pauseOrResume();
      this.#arm();
    }
  }

  #write(chunks: readonly Uint8Array[]): boolean {
    return this.#transport.write(chunks, this.#connection.takeCallbacks());
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
    this.#giveRest();
    this.#connection.transportClosed(error);
    this.#schedule();
  }

  #onClose(error: Error | undefined): void {
    this.#giveRest();
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
