/**
 * The connections of a channel, as the channel sees them: one to the first endpoint that answers, or one to each
 * endpoint and a policy that chooses.
 */
import type { StreamHandler } from "@trunkline/h2";
import type { GrpcError } from "../wire/errors.js";
import type { CallQueue, WaitingCall } from "./call-queue.js";
import type { ChannelState, EndpointState } from "./connectivity.js";
import type { ChosenPolicy } from "./load-balancing-config.js";

export interface Connections {
  readonly state: ChannelState;
  /** The error of the last attempt that has failed; undefined where none has. */
  readonly lastFailure: unknown;
  /** The endpoints that are known, as they are now. */
  readonly endpoints: readonly EndpointState[];
  /** Returns what the streams of all connections belong to. */
  handlers(): StreamHandler[];
  /** Returns the milliseconds until the next attempt after a failure; 0 where none has to wait. */
  msUntilNextAttempt(): number;
  /**
   * Begins a call on a connection, after it has left `queue`. Returns false where no connection has a stream for it
   * now.
   */
  open(call: WaitingCall, queue: CallQueue | undefined): boolean;
  /** Goes over to another policy with the same connections. Returns false where that needs other ones. */
  reconfigure?(chosen: ChosenPolicy): boolean;
  /** Begins to connect, if nothing is there or under way. */
  connect(): void;
  /** Connects no more, and lets the connections end with their last calls. */
  shut(cause: Error): void;
  /** Resolves when all connections are over. */
  done(): Promise<void>;
  /** Ends all connections at once; their calls fail with `cause`. */
  destroy(cause: Error): void;
}

/** The owner of connections: it has the calls that wait for them. */
export interface ConnectionsOwner {
  /**
   * Returns whether something waits for a connection, or one is made again all the same. `wasIdle` is true where the
   * last one was closed because it was not used.
   */
  wantsConnection(wasIdle: boolean): boolean;
  /** Refuses a call that no connection can be chosen for, in a later turn. */
  refuse(call: WaitingCall, error: GrpcError): void;
  /** Called when the state may have changed. */
  onChange(): void;
  /** Called when a connection may have a stream for a call that waits. */
  onStreamsAvailable(): void;
  /** Called when an attempt has failed, after the change of the state. */
  onFailed(error: unknown): void;
  /** Called when there will never be a connection again: `error` is why, and `what` says what has happened. */
  onGone(what: string | undefined, error: unknown): void;
}
