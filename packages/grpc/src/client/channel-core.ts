/** The parts of a channel that its calls use. This file must not know how a channel is made, or how it connects. */
import type { TimerHeap } from "@trunkline/base";
import type { Clock } from "@trunkline/streams";
import type { ResolvedDefaults } from "../call/defaults.js";
import type { MessageBudget } from "../call/message-budget.js";
import type { WaitingCall } from "./call-queue.js";
import type { ChannelConfig } from "./channel-config.js";
import type { ChannelState } from "./connectivity.js";

/** Gives streams to calls. */
export interface CallStarter {
  readonly state: ChannelState;
  /** Holds the process for a call that does not want a stream yet, until `start` or `forget`. */
  prepare(call: WaitingCall): void;
  /** Gives the call a stream, now or later, or refuses it later. */
  start(call: WaitingCall): void;
  /** Forgets a call that wants no stream any more. */
  forget(call: WaitingCall): void;
  /** Returns what a call waits for, for the message of its deadline. */
  describeWait(): string;
}

export interface ChannelCore {
  readonly connections: CallStarter;
  readonly timers: TimerHeap;
  readonly clock: Clock;
  readonly scheme: "http" | "https";
  readonly authority: string;
  /** The target as a URI, for metrics. */
  readonly targetUri: string;
  readonly userAgent: string;
  readonly defaults: ResolvedDefaults;
  readonly messageBudget: MessageBudget;
  readonly config: ChannelConfig;
}
