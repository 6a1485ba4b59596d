/**
 * The connections of a channel and the calls that wait for them: a call gets a stream, waits for one in its turn, or is
 * refused with the reason.
 */
import { type AbortSignalLike, abortable, abortReason, type Deferred, deferred, reasonText } from "@trunkline/base";
import type { Clock } from "@trunkline/streams";
import type { Deadline } from "../contract/deadline.js";
import { type CallExplanation, type CallsExplanation, longestFirst } from "../contract/explanation.js";
import { GrpcError } from "../wire/errors.js";
import { Status } from "../wire/status.js";
import { CallQueue, type WaitingCall } from "./call-queue.js";
import type { ConfigListener } from "./channel-config.js";
import type { CallStarter } from "./channel-core.js";
import type { Connections, ConnectionsOwner } from "./connections.js";
import { type ChannelState, type EndpointState, StateWatch } from "./connectivity.js";
import { ProcessHold } from "./process-hold.js";
import { withoutReceivers } from "./subchannel.js";

export interface ConnectionManagerOptions {
  /** The name of the target in messages. */
  readonly name: string;
  readonly clock: Clock;
  readonly maxWaitingCalls: number;
}

/** The state of a channel, and the reasons for which its calls do not go on. */
export interface ChannelExplanation extends CallsExplanation {
  readonly state: ChannelState;
  /** One sentence for people about the state. It may have other words in a later version. */
  readonly text: string;
  /** The endpoints that the channel knows, with the reasons for which they get no calls. */
  readonly endpoints: readonly EndpointState[];
}

/** A call that says what it waits for. Attempts beside a call's own do not: the call does. */
function isExplained(call: object): call is { explain(): CallExplanation } {
  return "explain" in call && typeof call.explain === "function";
}

/** Bounds the wait of `connect`. */
export interface ConnectWait {
  readonly signal: AbortSignalLike | undefined;
  readonly deadline: Deadline | undefined;
  readonly waitForReady: boolean;
}

/** A `connect()` that waits. */
interface PendingConnect {
  readonly waitForReady: boolean;
  readonly ready: Deferred<void>;
}

export class ConnectionManager implements ConnectionsOwner, ConfigListener, CallStarter {
  readonly #options: ConnectionManagerOptions;
  readonly #connections: Connections;
  readonly #queue: CallQueue = new CallQueue();
  readonly #pendingConnects: Set<PendingConnect> = new Set();
  /** Holds the process while a `connect()` waits. */
  readonly #hold: ProcessHold = new ProcessHold();
  readonly #watch: StateWatch;
  #closed: GrpcError | undefined;

  /** `connections` makes the connections, which tell this object what happens to them. */
  constructor(options: ConnectionManagerOptions, connections: (owner: ConnectionsOwner) => Connections) {
    this.#options = options;
    this.#connections = connections(this);
    this.#watch = new StateWatch(() => this.state);
  }

  get name(): string {
    return this.#options.name;
  }

  get state(): ChannelState {
    return this.#closed === undefined ? this.#connections.state : "SHUTDOWN";
  }

  get endpoints(): readonly EndpointState[] {
    return this.#closed === undefined ? this.#connections.endpoints : [];
  }

  /** Says what the calls wait for, and in which state the channel is. */
  explain(): ChannelExplanation {
    const open = new Set<object>([...this.#queue.calls(), ...this.#connections.handlers()]);
    const calls = [...open].filter(isExplained).map((call) => call.explain());
    const { state, endpoints } = this;
    const what =
      state === "READY" ? `the channel to ${this.name} is connected` : `the channel waits for ${this.describeWait()}`;
    return { state, text: what, endpoints, ...longestFirst(calls) };
  }

  /** Gives the present state and each one after it. */
  states(signal: AbortSignalLike | undefined): AsyncGenerator<ChannelState, undefined, undefined> {
    return this.#watch.states(signal);
  }

  prepare(call: WaitingCall): void {
    this.#queue.prepare(call);
  }

  start(call: WaitingCall): void {
    const queue = this.#queue;
    queue.prepared(call);
    if (queue.size === 0 && this.#closed === undefined && this.#connections.open(call, undefined)) return;
    const refusal = this.#refusal(call.waitForReady) ?? this.#overflow();
    if (refusal !== undefined) {
      queue.refuse(call, refusal);
      return;
    }
    queue.add(call);
    this.#connections.connect();
  }

  forget(call: WaitingCall): void {
    this.#queue.forget(call);
  }

  /** Connects, if there is no connection. Resolves when there is one; rejects as a call would fail. */
  async connect({ signal, deadline, waitForReady }: ConnectWait): Promise<void> {
    if (signal?.aborted) throw abortReason(signal);
    if (this.state === "READY") return;
    const refusal = this.#refusal(waitForReady);
    if (refusal !== undefined) throw refusal;
    const { clock } = this.#options;
    const startedAtMs = clock.nowMs();
    const pending: PendingConnect = { waitForReady, ready: deferred(true) };
    this.#pendingConnects.add(pending);
    const late = (): void => {
      const afterMs = Math.round(clock.nowMs() - startedAtMs);
      const text = `the deadline passed ${afterMs} ms after connect() began, waiting for ${this.describeWait()}`;
      pending.ready.reject(new GrpcError(Status.DEADLINE_EXCEEDED, text));
    };
    const atMs = deadline?.atMsOn(clock, startedAtMs) ?? Number.POSITIVE_INFINITY;
    const disarm = atMs === Number.POSITIVE_INFINITY ? undefined : clock.at(atMs, late, "watch");
    try {
      this.#hold.set(true);
      this.#connections.connect();
      await abortable(pending.ready.promise, signal);
    } finally {
      disarm?.();
      this.#pendingConnects.delete(pending);
      this.#hold.set(this.#pendingConnects.size > 0);
    }
  }

  describeWait(): string {
    if (this.state === "READY") return `one of the streams that ${this.name} allows`;
    const { lastFailure } = this.#connections;
    const because = lastFailure === undefined ? "" : `, the last attempt failed: ${reasonText(lastFailure)}`;
    return `a connection to ${this.name} (${this.state}${because})`;
  }

  /** Takes no more calls, refuses those that wait, and lets the others end within `timeoutMs`. */
  async close(timeoutMs: number): Promise<void> {
    if (this.#closed === undefined)
      this.#shut(new GrpcError(Status.UNAVAILABLE, `the channel to ${this.name} is closed`));
    const { clock } = this.#options;
    const cancel = clock.at(
      clock.nowMs() + timeoutMs,
      () => {
        const text = `the channel was closed, and the call had not ended after ${timeoutMs} ms`;
        this.#connections.destroy(new Error(text));
      },
      "work",
    );
    await this.#connections.done();
    cancel();
  }

  #shut(error: GrpcError): void {
    this.#closed = withoutReceivers(error);
    this.#connections.shut(error);
    this.#watch.check();
    this.#tell(() => true, error);
    this.#queue.refuseWaiting(
      () => true,
      () => error,
    );
  }

  /** Returns why a call, or a `connect()`, cannot even wait. */
  #refusal(waitForReady: boolean): GrpcError | undefined {
    if (this.#closed !== undefined)
      return new GrpcError(Status.UNAVAILABLE, this.#closed.message, { cause: this.#closed.cause });
    if (waitForReady) return undefined;
    const waitMs = this.#connections.msUntilNextAttempt();
    if (waitMs === 0) return undefined;
    const { lastFailure } = this.#connections;
    const next = waitMs === Number.POSITIVE_INFINITY ? "" : ` (the next attempt is in ${waitMs} ms)`;
    return unavailable(`${reasonText(lastFailure)}${next}`, lastFailure);
  }

  #overflow(): GrpcError | undefined {
    const { maxWaitingCalls } = this.#options;
    const { size } = this.#queue;
    if (size < maxWaitingCalls) return undefined;
    const text = `${size + 1} calls would wait for ${this.name}, more than maxWaitingCalls (${maxWaitingCalls})`;
    return new GrpcError(Status.RESOURCE_EXHAUSTED, text);
  }

  /** Rejects the `connect()`s that `which` names. */
  #tell(which: (pending: PendingConnect) => boolean, error: GrpcError): void {
    for (const pending of this.#pendingConnects) if (which(pending)) pending.ready.reject(error);
  }

  refuse(call: WaitingCall, error: GrpcError): void {
    this.#queue.refuse(call, error);
  }

  onServiceConfig(): void {
    this.#queue.onServiceConfig();
  }

  wantsConnection(): boolean {
    return this.#queue.size > 0 || this.#pendingConnects.size > 0;
  }

  onChange(): void {
    if (this.state === "READY") for (const { ready } of this.#pendingConnects) ready.resolve();
    this.#watch.check();
  }

  onStreamsAvailable(): void {
    this.#queue.flush((call) => this.#connections.open(call, this.#queue));
  }

  onFailed(error: unknown): void {
    const doesNotWait = ({ waitForReady }: { readonly waitForReady: boolean }): boolean => !waitForReady;
    this.#tell(doesNotWait, unavailable(reasonText(error), error));
    this.#queue.refuseWaiting(doesNotWait, () => unavailable(reasonText(error), error));
  }

  onGone(what: string | undefined, error: unknown): void {
    this.#shut(unavailable(what ?? reasonText(error), error));
  }
}

function unavailable(message: string, cause: unknown): GrpcError {
  return new GrpcError(Status.UNAVAILABLE, message, cause === undefined ? {} : { cause });
}
