/** A channel: where calls go. It connects when the first call wants it, and again after a loss. */
import type tls from "node:tls";
import {
  Backoff,
  type BackoffOptions,
  brandKey,
  checkOptionNames,
  optionNames,
  parseHostPort,
  printAddress,
  TimerHeap,
  wholeNumber,
} from "@trunkline/base";
import { type Clock, type CloseOptions, defaultCloseTimeoutMs } from "@trunkline/streams";
import { connectSocket, secureSocket, systemClock } from "#platform";
import {
  type CallDefaults,
  callDefaultNames,
  checkedTimeoutMs,
  type ResolvedDefaults,
  resolveDefaults,
} from "../call/defaults.js";
import { budgetFor, type MessageBudget } from "../call/message-budget.js";
import { closeOptionNames } from "../call/options.js";
import { checkCarrier, duplexOf, isDuplex } from "../connection/carrier.js";
import { type ChannelLifetimeOptions, keepaliveOptionNames, resolveChannelLifetime } from "../connection/lifetime.js";
import { checkedHttp2, type Http2Options } from "../connection/options.js";
import { peerOf } from "../connection/peer.js";
import { asDeadline, Deadline } from "../contract/deadline.js";
import { CallerContext } from "../hooks/context.js";
import { version } from "../wire/version.js";
import type { Connector } from "./connect-attempt.js";
import { ConnectionManager } from "./connection-manager.js";
import type { ChannelState } from "./connectivity.js";
import { ResolvedServiceConfig, type ServiceConfig } from "./service-config.js";
import { Subchannel } from "./subchannel.js";
import { type ChannelTarget, type ConnectTarget, parseTarget, type TransportTarget } from "./target.js";

/** Returns the TLS options of the next connection. An error that it throws counts as a failure to connect. */
export type TlsOptions = () => tls.ConnectionOptions | Promise<tls.ConnectionOptions>;

/** Options of a channel: of its connection, and defaults for the calls on it. */
export interface ChannelOptions extends CallDefaults, ChannelLifetimeOptions {
  /**
   * TLS with these options (`ca`, `cert`, `key`, `servername`, …); ALPN is set here. A function is asked for each new
   * connection, so that certificates can change. Default: TLS with Node's defaults, but plaintext to loopback addresses
   * and Unix sockets. Over the connections of `{ connect }` there is TLS where it is asked for here; the certificate
   * must be for the host in `authority`, unless `servername` gives another. A given transport is used as it is.
   */
  readonly tls?: tls.ConnectionOptions | TlsOptions | undefined;
  /** Uses no TLS, wherever the target is. Default false. */
  readonly plaintext?: boolean | undefined;
  /** `:authority` of the calls. Default: host and port of the target, `"localhost"` where it has none. */
  readonly authority?: string | undefined;
  /** A text that goes before this package's own in `user-agent`. */
  readonly userAgent?: string | undefined;
  /**
   * The number of calls that may wait for a connection or one of its streams; one more fails with RESOURCE_EXHAUSTED.
   * Default 10,000: some ten times what a server lets run at once.
   */
  readonly maxWaitingCalls?: number | undefined;
  /**
   * The time from an attempt's start to the end of the TLS handshake. Default 20,000 ms, as other gRPC clients wait.
   */
  readonly connectTimeoutMs?: number | undefined;
  /**
   * The service config, in gRPC's own form: times, waiting and retries by method. Calls with one request message are
   * tried again whole; those with a stream of requests only until their first message was sent. Default: none.
   */
  readonly serviceConfig?: ServiceConfig | undefined;
  /** The waits between failed attempts to connect. */
  readonly backoff?: BackoffOptions | undefined;
  /**
   * The limit for response messages that have come in part, over all connections. Default: one budget of 256 MiB for
   * all servers and channels of the process.
   */
  readonly messageBudget?: MessageBudget | undefined;
  /** Settings and limits of the HTTP/2 connection. */
  readonly http2?: Http2Options | undefined;
  /** The clock of all waits. Default: the system's. */
  readonly clock?: Clock | undefined;
}

const channelOptionNames: ReadonlySet<string> = optionNames<ChannelOptions>({
  ...callDefaultNames,
  ...keepaliveOptionNames,
  idleTimeoutMs: true,
  tls: true,
  plaintext: true,
  authority: true,
  userAgent: true,
  maxWaitingCalls: true,
  connectTimeoutMs: true,
  serviceConfig: true,
  backoff: true,
  messageBudget: true,
  http2: true,
  clock: true,
});

/** Options of `Channel.connect`. */
export interface ConnectOptions {
  /** Ends the wait; the promise rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** The time by which there has to be a connection. Default: none. */
  readonly deadline?: Deadline | Date | undefined;
  /** The time for connecting, in milliseconds; the earlier of this and `deadline` counts. Default: none. */
  readonly timeoutMs?: number | undefined;
  /** Waits through attempts that fail. Default false: the first failure rejects. */
  readonly waitForReady?: boolean | undefined;
}

const connectOptionNames = optionNames<ConnectOptions>({
  signal: true,
  deadline: true,
  timeoutMs: true,
  waitForReady: true,
});
const watchOptionNames = optionNames<Pick<ConnectOptions, "signal">>({ signal: true });

/** The parts of a channel that its calls use; `coreOf(channel)` gives them to the rest of this package. */
export interface ChannelCore {
  readonly connections: ConnectionManager;
  readonly timers: TimerHeap;
  readonly clock: Clock;
  readonly scheme: "http" | "https";
  readonly authority: string;
  readonly userAgent: string;
  readonly defaults: ResolvedDefaults;
  readonly messageBudget: MessageBudget;
  readonly serviceConfig: ResolvedServiceConfig | undefined;
}

/**
 * The property of a channel that holds its core, the same in every copy of this version: a client of a second installed
 * copy can be made on a channel of the first (connect-es#544). It is not enumerable, so that a channel shows nothing
 * that users need not know.
 */
const coreKey = brandKey(`Channel.core/${version}`);

/**
 * Closes the connection of a channel that is garbage, with its clients and calls. Its socket would keep the connection
 * otherwise.
 */
const forgotten: FinalizationRegistry<ConnectionManager> = new FinalizationRegistry(
  (connections) => void connections.close(0),
);

export class Channel implements AsyncDisposable {
  /** The target, for logs. */
  readonly target: string;
  readonly #core: ChannelCore;

  /**
   * Connects to nothing yet. An idle connection does not keep the process alive, is closed after `idleTimeoutMs`, and
   * also once the channel and its clients are garbage: a channel that is forgotten instead of closed costs nothing for
   * long.
   * @throws TypeError for a target that is none, or options that contradict each other; RangeError for a number out of
   * its range, H2Error for one of `http2`
   */
  constructor(target: ChannelTarget, options: ChannelOptions = {}) {
    checkOptionNames("Channel", options, channelOptionNames);
    const { clock = systemClock } = options;
    const context = new CallerContext();
    if (options.plaintext === true && options.tls !== undefined)
      throw new TypeError("a channel has either tls or plaintext: true, not both");
    const { connector, reconnects, secure, authority } =
      typeof target === "string" ? socketConnector(target, options) : givenConnector(target, options);
    const { name } = connector;
    const connectors = [{ name, connect: (signal: AbortSignal) => context.run(() => connector.connect(signal)) }];
    const connectionOptions = {
      clock,
      backoff: new Backoff(options.backoff),
      connectTimeoutMs: checkConnectTimeoutMs(options),
      http2: checkedHttp2("client", options.http2),
      lifetime: resolveChannelLifetime(options),
      reconnects,
    };
    const maxWaitingCalls = wholeNumber("maxWaitingCalls", options.maxWaitingCalls ?? 10_000, 0);
    const own = `grpc-node-trunkline/${version}`;
    this.target = name;
    this.#core = {
      connections: new ConnectionManager(
        { name, clock, maxWaitingCalls },
        (owner) => new Subchannel({ name, connectors: () => connectors }, connectionOptions, owner),
      ),
      timers: new TimerHeap(clock, "watch"),
      clock,
      scheme: secure ? "https" : "http",
      authority: headerText("authority", options.authority ?? authority),
      userAgent: options.userAgent === undefined ? own : headerText("userAgent", `${options.userAgent} ${own}`),
      defaults: resolveDefaults(options),
      messageBudget: budgetFor(options.messageBudget, clock),
      serviceConfig: options.serviceConfig === undefined ? undefined : new ResolvedServiceConfig(options.serviceConfig),
    };
    Object.defineProperty(this, coreKey, { value: this.#core });
    forgotten.register(this.#core, this.#core.connections, this.#core);
  }

  /** The state of the connection. Calls are taken in every state but `"SHUTDOWN"`. */
  get state(): ChannelState {
    return this.#core.connections.state;
  }

  /**
   * Gives the present state, and then each other state that the channel comes to. A reader that is slow is given the
   * latest one. The iteration ends after `"SHUTDOWN"`; watching neither connects nor keeps an unused channel open.
   * @throws the reason of `signal`, when that aborts
   */
  watchState(options: Pick<ConnectOptions, "signal"> = {}): AsyncIterableIterator<ChannelState, undefined> {
    checkOptionNames("watchState", options, watchOptionNames);
    return this.#core.connections.states(options.signal);
  }

  /**
   * Connects, if there is no connection. Resolves once the state is `"READY"`; a program calls it at its start to learn
   * at once that its server is there, or to have the connection before the first call.
   * @throws GrpcError as a call would: UNAVAILABLE with the reason when the attempt fails (not with `waitForReady`) or
   * the channel is closed, DEADLINE_EXCEEDED with the state and the last failure. The reason of `signal` when that
   * aborts. TypeError or RangeError for an option that cannot be.
   */
  async connect(options: ConnectOptions = {}): Promise<void> {
    checkOptionNames("connect", options, connectOptionNames);
    const { signal, timeoutMs, waitForReady = false } = options;
    if (typeof waitForReady !== "boolean")
      throw new TypeError(`waitForReady must be true or false, not ${String(waitForReady)}`);
    checkedTimeoutMs(timeoutMs);
    const { connections, clock } = this.#core;
    const after = timeoutMs === undefined ? undefined : Deadline.after(timeoutMs, clock);
    const deadline = Deadline.earliest(asDeadline(options.deadline), after);
    await connections.connect({ signal, deadline, waitForReady });
  }

  /**
   * Takes no more calls, fails those that still wait for a connection, and lets the others end; those that have not
   * ended after `closeTimeoutMs` (5,000) fail with UNAVAILABLE. Idempotent; never rejects.
   */
  async close(options: Pick<CloseOptions, "closeTimeoutMs"> = {}): Promise<void> {
    checkOptionNames("close", options, closeOptionNames);
    const { connections, timers } = this.#core;
    forgotten.unregister(this.#core);
    await connections.close(wholeNumber("closeTimeoutMs", options.closeTimeoutMs ?? defaultCloseTimeoutMs, 0));
    timers.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Returns what calls need of a channel. @throws TypeError for a value that is no channel of this version */
export function coreOf(channel: Channel): ChannelCore {
  const isObject = typeof channel === "object" && channel !== null;
  const core = isObject ? (Reflect.get(channel, coreKey) as ChannelCore | undefined) : undefined;
  if (core === undefined) throw new TypeError("a client is made on a Channel of the same version of @trunkline/grpc");
  return core;
}

function checkConnectTimeoutMs({ connectTimeoutMs }: ChannelOptions): number {
  return wholeNumber("connectTimeoutMs", connectTimeoutMs ?? 20_000, 1, 2 ** 31 - 1);
}

function headerText(name: string, value: string): string {
  if (typeof value === "string" && /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/.test(value)) return value;
  throw new TypeError(`${name} must be printable ASCII, not ${JSON.stringify(value)}`);
}

interface ResolvedTarget {
  readonly connector: Connector;
  /** True where another connection can be made after a loss. */
  readonly reconnects: boolean;
  readonly secure: boolean;
  readonly authority: string;
}

function socketConnector(target: string, options: ChannelOptions): ResolvedTarget {
  const { socket, local, authority } = parseTarget(target);
  const secure = options.tls !== undefined || (options.plaintext !== true && !local);
  const connectTimeoutMs = checkConnectTimeoutMs(options);
  const path = "path" in socket ? socket.path : undefined;
  const connector: Connector = {
    name: printAddress(socket),
    async connect(signal) {
      const duplex = await connectSocket(socket, {
        tls: secure ? await tlsOptions(options) : undefined,
        signal,
        connectTimeoutMs,
      });
      return { duplex, peer: peerOf(duplex, path) };
    },
  };
  return { connector, reconnects: true, secure, authority };
}

function tlsOptions({ tls }: ChannelOptions): ReturnType<TlsOptions> {
  return typeof tls === "function" ? tls() : { ...tls };
}

/** Returns the host of an authority, by which the server's certificate is checked. */
function serverNameOf(authority: string): string {
  return parseHostPort(authority)?.host ?? authority;
}

function givenConnector(target: TransportTarget | ConnectTarget, options: ChannelOptions): ResolvedTarget {
  if (typeof target !== "object" || target === null) {
    const said = typeof target === "number" ? `the number ${target}` : String(target);
    throw new TypeError(
      `a channel's target is text such as "127.0.0.1:50051", { transport } or { connect }, not ${said}`,
    );
  }
  const authority = target.authority ?? "localhost";
  if ("transport" in target) {
    if (options.tls !== undefined)
      throw new TypeError("tls is for targets that are addresses or { connect }; a given transport is used as it is");
    const { transport } = target;
    checkCarrier(transport);
    // It may break before the first call, and an "error" event without a listener ends the process.
    if (isDuplex(transport)) transport.on("error", () => {});
    const connect: Connector["connect"] = async () => {
      const duplex = await duplexOf(transport);
      if (duplex.destroyed) throw new Error("the given transport is closed", { cause: duplex.errored ?? undefined });
      return { duplex, peer: peerOf(duplex) };
    };
    return { connector: { name: "the given transport", connect }, reconnects: false, secure: false, authority };
  }
  if (typeof target.connect !== "function")
    throw new TypeError("a channel's target is a string, { transport } or { connect }");
  const connector: Connector = {
    name: authority,
    async connect(signal) {
      const duplex = await duplexOf(await target.connect({ signal }));
      if (options.tls === undefined) return { duplex, peer: peerOf(duplex) };
      const tls = { servername: serverNameOf(authority), ...(await tlsOptions(options)) };
      const secured = await secureSocket(duplex, tls, { name: authority, signal });
      return { duplex: secured, peer: peerOf(secured) };
    },
  };
  return { connector, reconnects: true, secure: options.tls !== undefined, authority };
}
