/**
 * The connection of a channel through its life: it is made when a call wants it and made again after a loss, with waits
 * that grow while attempts fail. The calls that wait for it do so in order, up to a limit.
 */

import type { Backoff } from "@trunkline/base";
import { reasonText } from "@trunkline/base";
import type { H2Error, LifetimeOptions } from "@trunkline/h2";
import type { Clock } from "@trunkline/streams";
import { setImmediate } from "#platform";
import { withRarerKeepalive } from "../connection/lifetime.js";
import type { Http2Options } from "../connection/options.js";
import { GrpcError } from "../wire/errors.js";
import { Status } from "../wire/status.js";
import { ConnectAttempt, type Connector } from "./connect-attempt.js";
import { ClientConnection, type ClientConnectionEvents, type ClientStream } from "./connection.js";
import { ProcessHold } from "./process-hold.js";

/** The number of connections in a row that end before a call is begun on them which counts as a failure to connect. */
const maxUnusedConnections = 2;
/**
 * The number of connections in a row that end with calls on them, but without an answer, which counts as a failure to
 * connect. A single one does not: it may have been closed because of one call, for example by a proxy for which the
 * call's metadata was too large.
 */
const maxUnansweredConnections = 10;

/** A call that wants a stream. */
export interface WaitingCall extends ClientStream {
  readonly waitForReady: boolean;
  /** Called when the call will not get a stream. */
  onRefused(error: GrpcError): void;
}

/**
 * The state of a channel. `"idle"`: there is no connection, and no call wants one. `"connecting"`: an attempt is under
 * way. `"ready"`: there is a connection. `"backoff"`: an attempt has failed, and the next one waits. `"closed"`: by
 * `close()`, or because a given transport is gone.
 */
export type ChannelState = "idle" | "connecting" | "ready" | "backoff" | "closed";

export interface ConnectionManagerOptions {
  readonly clock: Clock;
  readonly backoff: Backoff;
  readonly maxWaitingCalls: number;
  /** The time for an attempt, up to where HTTP/2 begins. */
  readonly connectTimeoutMs: number;
  readonly http2: Http2Options;
  readonly lifetime: LifetimeOptions;
}

export class ConnectionManager implements ClientConnectionEvents {
  readonly #connector: Connector;
  readonly #options: ConnectionManagerOptions;
  readonly #waiting: Set<WaitingCall> = new Set();
  /** The calls whose interceptors still look at the request. */
  readonly #preparing: Set<WaitingCall> = new Set();
  /** The calls that are about to be told why they are refused. */
  readonly #refused: Map<WaitingCall, GrpcError> = new Map();
  /** All connections that are not over, draining ones included. */
  readonly #connections: Set<ClientConnection> = new Set();
  /** The connection that new calls go to. */
  #current: ClientConnection | undefined;
  /** The attempt that is under way until its connection is ready. */
  #attempt: ConnectAttempt | undefined;
  /** The next attempt after a failure. */
  #retry: { readonly atMs: number; cancel(): void } | undefined;
  /** The lifetime of the next connection. */
  #lifetime: LifetimeOptions;
  #lastFailure: unknown;
  /**
   * The number of connections, up to the last one, that have ended soon after they were ready and without an answer to
   * any call.
   */
  #uselessInARow = 0;
  #closed: GrpcError | undefined;
  /** Holds the process while calls wait, for a connection or for one of its streams. */
  readonly #hold: ProcessHold = new ProcessHold();

  constructor(connector: Connector, options: ConnectionManagerOptions) {
    this.#connector = connector;
    this.#options = options;
    this.#lifetime = options.lifetime;
  }

  get name(): string {
    return this.#connector.name;
  }

  get state(): ChannelState {
    if (this.#closed !== undefined) return "closed";
    if (this.#current !== undefined) return "ready";
    if (this.#attempt !== undefined) return "connecting";
    return this.#retry === undefined ? "idle" : "backoff";
  }

  /** Holds the process for a call that its interceptors keep waiting, until `start` or `forget`. */
  prepare(call: WaitingCall): void {
    this.#preparing.add(call);
    this.#holdProcess();
  }

  /** Gives the call a stream, now or later, or refuses it later. */
  start(call: WaitingCall): void {
    if (this.#preparing.size > 0 && this.#preparing.delete(call)) this.#holdProcess();
    if (this.#current !== undefined && this.#waiting.size === 0) {
      const stream = this.#current.openStream(call);
      if (stream !== undefined) {
        this.#current.begin(call, stream);
        return;
      }
    }
    const refusal = this.#refusal(call);
    if (refusal !== undefined) {
      this.#refuse(call, refusal);
      return;
    }
    this.#waiting.add(call);
    this.#connectIfWanted();
    this.#holdProcess();
  }

  /**
   * Refuses the call in a later turn of the event loop. A program that calls again at once would otherwise keep the
   * loop from ever reaching its sockets and timers, and so the channel from connecting.
   */
  #refuse(call: WaitingCall, refusal: GrpcError): void {
    if (this.#refused.size === 0) {
      setImmediate(() => {
        const refused = [...this.#refused];
        this.#refused.clear();
        for (const [each, error] of refused) each.onRefused(error);
      });
    }
    this.#refused.set(call, refusal);
    this.#holdProcess();
  }

  /** Forgets a call that wants no stream any more. */
  forget(call: WaitingCall): void {
    this.#preparing.delete(call);
    this.#refused.delete(call);
    this.#waiting.delete(call);
    this.#holdProcess();
  }

  /** Returns what a call waits for, for the message of its deadline. */
  describeWait(): string {
    if (this.#current !== undefined) return `one of the streams that ${this.name} allows`;
    const because =
      this.#lastFailure === undefined ? "" : ` (the last attempt failed: ${reasonText(this.#lastFailure)})`;
    return `a connection to ${this.name}${because}`;
  }

  /** Takes no more calls, refuses those that wait, and lets the others end within `timeoutMs`. */
  async close(timeoutMs: number): Promise<void> {
    if (this.#closed === undefined)
      this.#shut(new GrpcError(Status.UNAVAILABLE, `the channel to ${this.name} is closed`));
    const { clock } = this.#options;
    const cancel = clock.at(
      clock.nowMs() + timeoutMs,
      () => {
        for (const connection of this.#connections)
          connection.destroy(new Error(`the channel was closed, and the call had not ended after ${timeoutMs} ms`));
      },
      "work",
    );
    await Promise.all(Array.from(this.#connections, (connection) => connection.done));
    cancel();
  }

  #shut(error: GrpcError): void {
    this.#closed = withoutReceivers(error);
    this.#attempt?.stop(error);
    this.#attempt = undefined;
    this.#retry?.cancel();
    this.#retry = undefined;
    this.#current = undefined;
    for (const call of this.#takeWaiting(() => true)) call.onRefused(error);
    this.#holdProcess();
    for (const connection of this.#connections) connection.close();
  }

  #refusal(call: WaitingCall): GrpcError | undefined {
    if (this.#closed !== undefined)
      return new GrpcError(Status.UNAVAILABLE, this.#closed.message, { cause: this.#closed.cause });
    const { maxWaitingCalls, clock } = this.#options;
    if (this.#waiting.size >= maxWaitingCalls) {
      return new GrpcError(
        Status.RESOURCE_EXHAUSTED,
        `${this.#waiting.size + 1} calls would wait for ${this.name}, more than maxWaitingCalls (${maxWaitingCalls})`,
      );
    }
    if (this.#retry === undefined || call.waitForReady) return undefined;
    const waitMs = Math.ceil(this.#retry.atMs - clock.nowMs());
    if (waitMs <= 0) {
      // The time has come, but the event loop has not reached the timer: this call begins the attempt.
      this.#retry.cancel();
      this.#retry = undefined;
      return undefined;
    }
    return unavailable(`${reasonText(this.#lastFailure)} (the next attempt is in ${waitMs} ms)`, this.#lastFailure);
  }

  #connectIfWanted(): void {
    if (
      this.#waiting.size === 0 ||
      this.#current !== undefined ||
      this.#attempt !== undefined ||
      this.#retry !== undefined
    )
      return;
    if (this.#closed !== undefined) return;
    const { clock, connectTimeoutMs, http2 } = this.#options;
    const options = { ...http2, lifetime: this.#lifetime };
    this.#attempt = new ConnectAttempt(this.#connector, {
      clock,
      connectTimeoutMs,
      onConnected: ({ duplex, peer }) =>
        this.#connections.add(new ClientConnection(duplex, peer, options, clock, this)),
      onFailed: (error) => this.#failed(error),
    });
  }

  onReady(connection: ClientConnection): void {
    this.#attempt = undefined;
    this.#current = connection;
    connection.readyAtMs = this.#options.clock.nowMs();
    this.#flush();
    this.#holdProcess();
    connection.unrefIfIdle();
  }

  onStreamsAvailable(connection: ClientConnection): void {
    if (connection === this.#current) this.#flush();
  }

  onDraining(connection: ClientConnection, tooManyPings: boolean): void {
    if (tooManyPings) this.#lifetime = withRarerKeepalive(this.#lifetime);
    if (connection === this.#current) this.#lost(connection, connection.goAwayError);
  }

  onClose(connection: ClientConnection, error: H2Error | undefined): void {
    this.#connections.delete(connection);
    if (connection === this.#current) this.#lost(connection, error);
    else if (!connection.ready && this.#attempt !== undefined) {
      this.#failed(
        new Error(`cannot connect to ${this.name}: ${error?.message ?? "the server closed the connection"}`, {
          cause: error,
        }),
      );
    }
  }

  /** Leaves a connection that takes no more calls. */
  #lost(connection: ClientConnection, error: H2Error | undefined): void {
    this.#current = undefined;
    this.#holdProcess();
    if (!this.#connector.reconnects) {
      this.#shut(unavailable(`the transport to ${this.name} is gone`, error));
      return;
    }
    const { backoff, clock } = this.#options;
    const worked = connection.answered || clock.nowMs() - connection.readyAtMs >= backoff.initialMs;
    this.#uselessInARow = worked ? 0 : this.#uselessInARow + 1;
    if (this.#uselessInARow >= (connection.used ? maxUnansweredConnections : maxUnusedConnections)) {
      // A server that ends all connections at once would otherwise be called without pause.
      this.#failed(
        new Error(`cannot connect to ${this.name}: ${error?.message ?? "the server is going away"}`, { cause: error }),
      );
      return;
    }
    if (worked) backoff.reset();
    this.#connectIfWanted();
  }

  #failed(error: unknown): void {
    this.#attempt = undefined;
    this.#lastFailure = withoutReceivers(error);
    if (!this.#connector.reconnects) {
      this.#shut(unavailable(reasonText(error), error));
      return;
    }
    const { backoff, clock } = this.#options;
    const atMs = clock.nowMs() + backoff.next();
    const cancel = clock.at(
      atMs,
      () => {
        this.#retry = undefined;
        this.#connectIfWanted();
      },
      // Calls that wait for it hold the process by themselves.
      "watch",
    );
    this.#retry = { atMs, cancel };
    for (const call of this.#takeWaiting((one) => !one.waitForReady))
      call.onRefused(unavailable(reasonText(error), error));
    this.#holdProcess();
  }

  /** Gives streams to the calls that wait, in order, as far as the server allows. */
  #flush(): void {
    for (const call of this.#waiting) {
      const stream = this.#current?.openStream(call);
      if (stream === undefined) break;
      this.#waiting.delete(call);
      this.#current?.begin(call, stream);
    }
    this.#holdProcess();
  }

  /** Removes waiting calls before any of them is told: what a refused call does next may be another call. */
  #takeWaiting(which: (call: WaitingCall) => boolean): WaitingCall[] {
    const taken = [...this.#waiting].filter(which);
    for (const call of taken) this.#waiting.delete(call);
    return taken;
  }

  #holdProcess(): void {
    this.#hold.set(this.#waiting.size > 0 || this.#preparing.size > 0);
  }
}

/**
 * Makes an error safe to be kept. Until its stack is read, V8 keeps the objects whose methods were on it: a channel or
 * its calls, which could then not become garbage.
 */
function withoutReceivers<Reason>(error: Reason): Reason {
  for (let each: unknown = error; each instanceof Error; each = each.cause) void each.stack;
  return error;
}

function unavailable(message: string, cause: unknown): GrpcError {
  return new GrpcError(Status.UNAVAILABLE, message, cause === undefined ? {} : { cause });
}
