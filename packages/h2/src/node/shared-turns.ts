/**
 * The time of the event loop that the connections with much to do share. Each works in slices; those that have had
 * theirs wait here, in order, and in one turn of the loop they get so much time together, whatever their number.
 *
 * The time counts the promises, too, that the slice of a connection has begun: they run before the next connection has
 * its turn, and most of the work on a request is done in them, after the slice.
 */
import { type Clock, Fifo } from "@trunkline/base";
import { setImmediate } from "@trunkline/base/node";

/**
 * The time that all busy connections together have in one turn of the event loop. A call of another connection takes
 * some turns: its headers, its messages and its end come in turns of their own.
 */
const turnMs = 5;

export class SharedTurns {
  static readonly #ofClock: WeakMap<Clock, SharedTurns> = new WeakMap();
  readonly #clock: Clock;
  /** The callbacks that let the waiting connections go on for a slice each. */
  readonly #waiting: Fifo<() => void> = new Fifo();
  /** The time at which the busy connections have had their time of this turn; undefined before the first of them. */
  #endsAtMs: number | undefined;

  /** Returns what all connections of the process that wait by this clock share. */
  static of(clock: Clock): SharedTurns {
    let turns = SharedTurns.#ofClock.get(clock);
    if (turns === undefined) {
      turns = new SharedTurns(clock);
      SharedTurns.#ofClock.set(clock, turns);
    }
    return turns;
  }

  private constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The number of connections that wait. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** True once the busy connections have had their time of this turn. */
  get isOver(): boolean {
    return this.#endsAtMs !== undefined && this.#clock.nowMs() >= this.#endsAtMs;
  }

  /** Calls `takeTurn` when it is the connection's turn: in a later turn of the event loop, behind those that wait. */
  wait(takeTurn: () => void): void {
    this.#waiting.push(takeTurn);
    setImmediate(this.#next);
  }

  /** Gives its turn to the next connection. There is one appointment for each that waits. */
  readonly #next = (): void => {
    if (this.isOver) {
      setImmediate(this.#next);
      return;
    }
    if (this.#endsAtMs === undefined) {
      this.#endsAtMs = this.#clock.nowMs() + turnMs;
      // Comes before all that is appointed from now on: the next turn always begins with one connection.
      setImmediate(this.#end);
    }
    this.#waiting.shift()?.();
  };

  readonly #end = (): void => {
    this.#endsAtMs = undefined;
  };
}
