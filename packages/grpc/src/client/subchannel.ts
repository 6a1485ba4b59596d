/**
 * The connection to one endpoint through its life: it is made when something wants it and made again after a loss, with
 * waits that grow while attempts fail. This file must not know which calls wait, or how an endpoint is chosen.
 */
import { type Backoff, isError, reasonText } from "@trunkline/base";
import type { H2Error, LifetimeOptions, StreamHandler } from "@trunkline/h2";
import type { Clock } from "@trunkline/streams";
import { tellConnection } from "../connection/events.js";
import { withRarerKeepalive } from "../connection/lifetime.js";
import type { Http2Options } from "../connection/options.js";
import type { CallQueue, WaitingCall } from "./call-queue.js";
import { ConnectAttempt, type ConnectSource } from "./connect-attempt.js";
import { ClientConnection, type ClientConnectionEvents, type OutcomeCounter } from "./connection.js";
import type { Connections, ConnectionsOwner } from "./connections.js";
import type { ChannelState, EndpointState } from "./connectivity.js";
import { type HealthCore, HealthWatch } from "./health-watch.js";

/** The number of connections in a row that end before a call is begun on them which counts as a failure to connect. */
const maxUnusedConnections = 2;
/**
 * The number of connections in a row that end with calls on them, but without an answer, which counts as a failure to
 * connect. A single one does not: it may have been closed because of one call, for example by a proxy for which the
 * call's metadata was too large.
 */
const maxUnansweredConnections = 10;

export interface SubchannelOptions {
  readonly clock: Clock;
  readonly backoff: Backoff;
  readonly connectTimeoutMs: number;
  readonly http2: Http2Options;
  readonly lifetime: LifetimeOptions;
  /** True where another connection can be made after a loss. */
  readonly reconnects: boolean;
  /** Counts how the calls of all its connections end; undefined where nobody asks for that. */
  readonly outcomes?: OutcomeCounter | undefined;
  /** The health checks of its connections; undefined where the policy has none. */
  readonly health?: HealthOptions | undefined;
}

export interface HealthOptions {
  readonly core: HealthCore;
  /** The waits between calls that fail. */
  readonly backoff: Backoff;
  /** The service that is asked for at first; undefined for no checks. */
  readonly service: string | undefined;
}

export class Subchannel implements Connections, ClientConnectionEvents {
  readonly #source: ConnectSource;
  readonly #options: SubchannelOptions;
  readonly #owner: ConnectionsOwner;
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
  #closed = false;
  /** The service whose health is asked for; undefined for no checks. */
  #healthService: string | undefined;
  /** The health check of the present connection. */
  #health: HealthWatch | undefined;

  constructor(source: ConnectSource, options: SubchannelOptions, owner: ConnectionsOwner) {
    this.#source = source;
    this.#options = options;
    this.#owner = owner;
    this.#lifetime = options.lifetime;
    this.#healthService = options.health?.service;
  }

  get state(): ChannelState {
    if (this.#closed) return "SHUTDOWN";
    if (this.#current !== undefined) return this.#health?.state ?? "READY";
    if (this.#attempt !== undefined) return "CONNECTING";
    return this.#retry === undefined ? "IDLE" : "TRANSIENT_FAILURE";
  }

  get lastFailure(): unknown {
    return this.#health?.problem ?? this.#lastFailure;
  }

  get endpoints(): readonly EndpointState[] {
    const { state, activeCalls } = this;
    const address = this.#current?.peer.address ?? this.#source.name;
    const { lastFailure } = this;
    const problem = state === "READY" || lastFailure === undefined ? undefined : reasonText(lastFailure);
    return [{ addresses: [address], state, activeCalls, ejected: false, problem }];
  }

  /** The number of calls that are open on the connection. */
  get activeCalls(): number {
    return this.#current?.calls ?? 0;
  }

  open(call: WaitingCall, queue: CallQueue | undefined): boolean {
    const connection = this.#current;
    const stream = connection?.openStream(call);
    if (connection === undefined || stream === undefined) return false;
    queue?.leave(call);
    connection.begin(call, stream);
    return true;
  }

  handlers(): StreamHandler[] {
    return [...this.#connections].flatMap((connection) => connection.handlers());
  }

  /** Checks the health of another service from now on; undefined means of none. */
  checkHealth(service: string | undefined): void {
    if (service === this.#healthService) return;
    this.#healthService = service;
    if (this.#current === undefined) return;
    this.#leaveHealth();
    this.#watchHealth(this.#current);
    this.#owner.onChange();
    if (this.state === "READY") this.#owner.onStreamsAvailable();
  }

  /** Lets the health of the server decide whether the connection is ready for calls. */
  #watchHealth(connection: ClientConnection): void {
    const service = this.#healthService;
    const { health, connectTimeoutMs, lifetime } = this.#options;
    if (service === undefined || health === undefined) return;
    const { core, backoff } = health;
    const watch = new HealthWatch({
      name: this.#source.name,
      service,
      core,
      connection,
      backoff,
      firstAnswerTimeoutMs: connectTimeoutMs,
      idleTimeoutMs: lifetime.maxConnectionIdleMs ?? Number.POSITIVE_INFINITY,
      onChange: () => this.#onHealth(watch),
      onUnsupported: (error) => tellConnection("client", "unchecked", connection.peer.address, error),
    });
    this.#health = watch;
    watch.start();
  }

  #leaveHealth(): void {
    const watch = this.#health;
    this.#health = undefined;
    watch?.stop();
  }

  #onHealth({ state, problem }: HealthWatch): void {
    this.#owner.onChange();
    if (state === "READY") this.#owner.onStreamsAvailable();
    else if (state === "TRANSIENT_FAILURE") this.#owner.onFailed(problem);
  }

  msUntilNextAttempt(): number {
    // It is connected, and nobody knows when its server will be healthy.
    if (this.#health?.state === "TRANSIENT_FAILURE") return Number.POSITIVE_INFINITY;
    if (this.#retry === undefined) return 0;
    const waitMs = Math.ceil(this.#retry.atMs - this.#options.clock.nowMs());
    if (waitMs > 0) return waitMs;
    // The time has come, but the event loop has not reached the timer.
    this.#cancelRetry();
    return 0;
  }

  connect(): void {
    const isBusy = this.#current !== undefined || this.#attempt !== undefined || this.#retry !== undefined;
    if (isBusy || this.#closed) return;
    const { clock, connectTimeoutMs, http2, outcomes } = this.#options;
    tellConnection("client", "connecting", this.#source.name);
    const options = { ...http2, lifetime: this.#lifetime, outcomes };
    this.#attempt = new ConnectAttempt(this.#source, {
      clock,
      connectTimeoutMs,
      open: ({ duplex, peer }) => {
        const connection = new ClientConnection(duplex, peer, options, clock, this);
        this.#connections.add(connection);
        return connection;
      },
      onConnected: (connection) => this.#ready(connection),
      onFailed: (error) => this.#failed(error),
    });
    this.#owner.onChange();
  }

  shut(cause: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#attempt?.stop(cause);
    this.#attempt = undefined;
    this.#cancelRetry();
    this.#leaveHealth();
    this.#current = undefined;
    for (const connection of this.#connections) connection.close();
  }

  async done(): Promise<void> {
    await Promise.all(Array.from(this.#connections, (connection) => connection.done));
  }

  destroy(cause: Error): void {
    for (const connection of this.#connections) connection.destroy(cause);
  }

  onReady(connection: ClientConnection): void {
    this.#attempt?.onReady(connection);
  }

  #ready(connection: ClientConnection): void {
    this.#attempt = undefined;
    this.#current = connection;
    tellConnection("client", "ready", connection.peer.address);
    connection.readyAtMs = this.#options.clock.nowMs();
    this.#watchHealth(connection);
    this.#owner.onChange();
    if (this.state === "READY") this.#owner.onStreamsAvailable();
    connection.unrefIfIdle();
  }

  onStreamsAvailable(connection: ClientConnection): void {
    if (connection === this.#current && this.state === "READY") this.#owner.onStreamsAvailable();
  }

  onDraining(connection: ClientConnection, tooManyPings: boolean): void {
    tellConnection("client", "goaway", connection.peer.address, connection.goAwayError);
    if (tooManyPings) this.#lifetime = withRarerKeepalive(this.#lifetime);
    if (connection === this.#current) this.#lost(connection, connection.goAwayError);
  }

  onClose(connection: ClientConnection, error: H2Error | undefined): void {
    this.#connections.delete(connection);
    if (connection.ready) tellConnection("client", "closed", connection.peer.address, error);
    if (connection === this.#current) this.#lost(connection, error);
    else if (!connection.ready) this.#attempt?.onClose(connection, error);
  }

  /** Leaves a connection that takes no more calls. */
  #lost(connection: ClientConnection, error: H2Error | undefined): void {
    this.#leaveHealth();
    this.#current = undefined;
    if (!this.#options.reconnects) {
      this.#owner.onGone(`the transport to ${this.#source.name} is gone`, error);
      return;
    }
    const { backoff, clock } = this.#options;
    const worked = connection.answered || clock.nowMs() - connection.readyAtMs >= backoff.initialMs;
    this.#uselessInARow = worked ? 0 : this.#uselessInARow + 1;
    if (this.#uselessInARow >= (connection.begun > 0 ? maxUnansweredConnections : maxUnusedConnections)) {
      // A server that ends all connections at once would otherwise be called without pause.
      const why = error?.message ?? "the server is going away";
      this.#failed(new Error(`cannot connect to ${this.#source.name}: ${why}`, { cause: error }));
      return;
    }
    if (worked) backoff.reset();
    this.#reconnectIfWanted(error === undefined && connection.goAwayError === undefined);
  }

  #failed(error: unknown): void {
    this.#attempt = undefined;
    this.#lastFailure = withoutReceivers(error);
    tellConnection("client", "failed", this.#source.name, error);
    const { backoff, clock, reconnects } = this.#options;
    if (!reconnects) {
      this.#owner.onGone(undefined, error);
      return;
    }
    const atMs = clock.nowMs() + backoff.next();
    const cancel = clock.at(
      atMs,
      () => {
        this.#retry = undefined;
        this.#reconnectIfWanted(false);
      },
      // Calls that wait for it hold the process by themselves.
      "watch",
    );
    this.#retry = { atMs, cancel };
    this.#owner.onChange();
    this.#owner.onFailed(error);
  }

  #reconnectIfWanted(wasIdle: boolean): void {
    if (this.#owner.wantsConnection(wasIdle)) this.connect();
    else this.#owner.onChange();
  }

  #cancelRetry(): void {
    this.#retry?.cancel();
    this.#retry = undefined;
  }
}

/**
 * Makes an error safe to be kept. Until its stack is read, V8 keeps the objects whose methods were on it: a channel or
 * its calls, which could then not become garbage.
 */
export function withoutReceivers<Reason>(error: Reason): Reason {
  for (let each: unknown = error; isError(each); each = each.cause) void each.stack;
  return error;
}
