/** The connectivity state of a channel, and how it is watched. This file must not know how connections are made. */
import { type AbortSignalLike, abortable, type Deferred, deferred } from "@trunkline/base";

/**
 * The state of a channel, in gRPC's words. `"IDLE"`: there is no connection, and nothing wants one. `"CONNECTING"`: an
 * attempt is under way. `"READY"`: there is a connection. `"TRANSIENT_FAILURE"`: an attempt has failed, and the next
 * one waits. `"SHUTDOWN"`: the channel was closed, or the transport that it was given is gone.
 */
export type ChannelState = "IDLE" | "CONNECTING" | "READY" | "TRANSIENT_FAILURE" | "SHUTDOWN";

/** Tells the changes of a state to those who watch it. Nothing is kept for a watcher but that the state has changed. */
export class StateWatch {
  readonly #state: () => ChannelState;
  #told: ChannelState;
  /** The change that watchers wait for; undefined while nobody does. */
  #next: Deferred<void> | undefined = undefined;

  constructor(state: () => ChannelState) {
    this.#state = state;
    this.#told = state();
  }

  /** Tells the watchers, if the state is another than before. */
  check(): void {
    const state = this.#state();
    if (state === this.#told) return;
    this.#told = state;
    this.#next?.resolve();
    this.#next = undefined;
  }

  /** Gives the present state, then each that differs from the one given before, and ends after `"SHUTDOWN"`. */
  async *states(signal: AbortSignalLike | undefined): AsyncGenerator<ChannelState, undefined, undefined> {
    let given: ChannelState | undefined;
    while (given !== "SHUTDOWN") {
      const state = this.#state();
      if (state !== given) {
        given = state;
        yield state;
      } else {
        this.#next ??= deferred(true);
        await abortable(this.#next.promise, signal);
      }
    }
    return undefined;
  }
}
