/** The connectivity state of a channel, and how it is watched. This file must not know how connections are made. */
import { type AbortSignalLike, abortable, type Deferred, deferred } from "@trunkline/base";

/**
 * The state of a channel, in gRPC's words. `"IDLE"`: there is no connection, and nothing wants one. `"CONNECTING"`: an
 * attempt is under way. `"READY"`: there is a connection. `"TRANSIENT_FAILURE"`: an attempt has failed, and the next
 * one waits. `"SHUTDOWN"`: the channel was closed, or the transport that it was given is gone.
 */
export type ChannelState = "IDLE" | "CONNECTING" | "READY" | "TRANSIENT_FAILURE" | "SHUTDOWN";

/** An endpoint of a channel, as it is now. */
export interface EndpointState {
  /** The addresses of the endpoint; with pick_first that of the one connection, or the name of the target. */
  readonly addresses: readonly string[];
  /** The state of the connection to it. An endpoint that gets no calls although it is connected fails for now. */
  readonly state: ChannelState;
  /** The number of calls of the channel that are open at it. */
  readonly activeCalls: number;
  /** True while it gets no calls because too many of them have failed. */
  readonly ejected: boolean;
  /** The reason for which it gets no calls; undefined while it does, and where nothing has failed. */
  readonly problem: string | undefined;
}

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
