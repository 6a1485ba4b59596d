/** A channel: where calls go. It connects when the first call wants it, and again after a loss. */
import type tls from "node:tls";
import {
  type AbortSignalLike,
  Backoff,
  type BackoffOptions,
  brandKey,
  checkOptionNames,
  durationMs,
  optionNames,
  type ProxyServer,
  parseHostPort,
  printAddress,
  resolvesNames,
  type SocketAddress,
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
import { isCredentials } from "../hooks/credentials.js";
import { version } from "../wire/version.js";
import { BalancedConnections } from "./balanced-connections.js";
import { ChannelConfig } from "./channel-config.js";
import type { ChannelCore } from "./channel-core.js";
import { isConfigObject } from "./config-object.js";
import type { Connector, ConnectSource } from "./connect-attempt.js";
import { type ChannelExplanation, ConnectionManager } from "./connection-manager.js";
import type { ChannelState, EndpointState } from "./connectivity.js";
import { type HealthCore, maxHealthAnswerBytes } from "./health-watch.js";
import { type LoadBalancing, type LoadBalancingPolicies, resolvePolicy } from "./load-balancing.js";
import { type ChosenPolicy, checkedPolicies, pickFirst, shuffled } from "./load-balancing-config.js";
import { type OutlierDetection, type ResolvedOutlierDetection, resolveOutlierDetection } from "./outlier-config.js";
import { proxyChoice } from "./proxies.js";
import { type Endpoint, Resolution } from "./resolution.js";
import {
  checkedResolvers,
  defaultPort,
  dnsResolver,
  dnsResolverWithConfig,
  type Resolvers,
  type ResolverTarget,
} from "./resolver.js";
import { ResolvedServiceConfig, type ServiceConfig } from "./service-config.js";
import { Subchannel, type SubchannelOptions } from "./subchannel.js";
import { type MakeConnections, SwitchingConnections } from "./switching-connections.js";
import {
  type ChannelTarget,
  type ConnectTarget,
  type ParsedTarget,
  parseTarget,
  type TransportTarget,
  targetUri,
} from "./target.js";

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
   * The service config, in gRPC's own form: times, waiting, retries and hedging by method, and the load balancing
   * policy. Where the resolver's answer has a config, that counts in place of this one. Calls with one request
   * message are tried again whole, or hedged; those with a stream of requests are tried again only until their first
   * message was sent. Default: none.
   */
  readonly serviceConfig?: ServiceConfig | undefined;
  /** The waits between failed attempts to connect. */
  readonly backoff?: BackoffOptions | undefined;
  /**
   * The limit for response messages that have come in part, over all connections. Default: one budget of 256 MiB for
   * all servers and channels of the process.
   */
  readonly messageBudget?: MessageBudget | undefined;
  /**
   * The way to choose among several endpoints of the target. A policy other than `"pick_first"` connects to all of
   * them. Default `"pick_first"`: one connection, to the first address that answers.
   */
  readonly loadBalancing?: LoadBalancing | undefined;
  /**
   * Ejects endpoints whose calls fail from the load balancing for a while (gRFC A50). For policies that connect to all
   * endpoints; `outlier_detection_experimental` in a service config counts before it. Default: none.
   */
  readonly outlierDetection?: OutlierDetection | undefined;
  /**
   * Heeds `healthCheckConfig` of a service config: servers that are not healthy get no calls. Default true. Without a
   * `healthCheckConfig` nothing is checked, and with `"pick_first"` neither.
   */
  readonly healthChecks?: boolean | undefined;
  /** Policies by the names that a service config has for them. Default: none beside those of this package. */
  readonly loadBalancingPolicies?: LoadBalancingPolicies | undefined;
  /**
   * Asks the system's name servers for a service config, too: TXT records of `_grpc_config.HOST`. Only for targets
   * whose name the system looks up. Default false, since DNS is not proof against forgery, and each lookup takes two
   * questions.
   */
  readonly serviceConfigFromDns?: boolean | undefined;
  /**
   * The proxy through which connections go: `"http://user:password@host:port"` (HTTP CONNECT; `https://` over TLS),
   * `"socks5://…"` (names are resolved here) or `"socks5h://…"` (at the proxy). `false` means none. Default: the one
   * that the environment names (`grpc_proxy`, `https_proxy`, `http_proxy`, `all_proxy`; exceptions in `no_grpc_proxy`
   * or `no_proxy`); it names none for loopback and Unix sockets.
   */
  readonly proxy?: string | false | undefined;
  /** Resolvers by the schemes of the targets that they are for; `dns` replaces the system's. Default: none. */
  readonly resolvers?: Resolvers | undefined;
  /**
   * The time in which a name is not looked up again, whatever fails. Default 5,000 ms: later than the first attempts
   * after a failure, and soon enough for a server that has moved.
   */
  readonly minResolutionIntervalMs?: number | undefined;
  /**
   * The time after which a name is looked up again, to find servers that were added; `Infinity` means never. Only for
   * policies that connect to all endpoints: with `"pick_first"` a name is looked up when a connection is made. Default
   * 60,000 ms.
   */
  readonly refreshIntervalMs?: number | undefined;
  /**
   * The number of addresses that are taken from an answer of a resolver; further ones are left out. Default 1,000: each
   * may become a connection.
   */
  readonly maxAddresses?: number | undefined;
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
  loadBalancing: true,
  loadBalancingPolicies: true,
  healthChecks: true,
  outlierDetection: true,
  serviceConfigFromDns: true,
  proxy: true,
  resolvers: true,
  minResolutionIntervalMs: true,
  refreshIntervalMs: true,
  maxAddresses: true,
  http2: true,
  clock: true,
});

/** Options of `Channel.connect`. */
export interface ConnectOptions {
  /** Ends the wait; the promise rejects with its reason. */
  readonly signal?: AbortSignalLike | undefined;
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

/** The parts of a channel, with all that its connections can do. */
interface OwnCore extends ChannelCore {
  readonly connections: ConnectionManager;
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
  readonly #core: OwnCore;

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
    const parsed = typeof target === "string" ? parseTarget(target, checkedResolvers(options.resolvers)) : undefined;
    const config = configOf(parsed?.lookup?.scheme, options);
    const fallback = fallbackPolicy(options);
    const { name, endpoints, reconnects, secure, authority } =
      parsed === undefined
        ? givenTarget(target as TransportTarget | ConnectTarget, options, context, config)
        : textTarget(parsed, options, context, config);
    const outliers = checkedOutliers(options);
    const { healthChecks = true } = options;
    if (typeof healthChecks !== "boolean")
      throw new TypeError(`healthChecks must be true or false, not ${String(healthChecks)}`);
    const chosen = (): ChosenPolicy => {
      const policy = config.current?.loadBalancing ?? fallback;
      const healthService = healthChecks ? config.current?.healthService : undefined;
      return { ...policy, outliers: policy.outliers ?? outliers, healthService };
    };
    if (outliers !== undefined && config.known && chosen().policy === undefined)
      throw new TypeError("outlierDetection is for loadBalancing policies that connect to all endpoints");
    const refreshIntervalMs = checkedRefresh(options, config, chosen());
    const connectionOptions = {
      clock,
      connectTimeoutMs: checkConnectTimeoutMs(options),
      http2: checkedHttp2("client", options.http2),
      lifetime: resolveChannelLifetime(options),
      reconnects,
    };
    const maxWaitingCalls = wholeNumber("maxWaitingCalls", options.maxWaitingCalls ?? 10_000, 0);
    const own = `grpc-node-trunkline/${version}`;
    const parts = {
      timers: new TimerHeap(clock, "watch"),
      clock,
      scheme: secure ? ("https" as const) : ("http" as const),
      authority: headerText("authority", options.authority ?? authority),
      targetUri: typeof target === "string" ? targetUri(target) : `passthrough:///${authority}`,
      userAgent: options.userAgent === undefined ? own : headerText("userAgent", `${options.userAgent} ${own}`),
      defaults: resolveDefaults(options),
      messageBudget: budgetFor(options.messageBudget, clock),
    };
    const healthCore = { ...parts, defaults: healthDefaults(parts.defaults), config: ChannelConfig.none };
    const make = connectionsOf({
      ...connectionOptions,
      name,
      endpoints,
      refreshIntervalMs,
      healthCore,
      backoff: options.backoff,
    });
    const connections = new ConnectionManager({ name, clock, maxWaitingCalls }, (owner) => {
      if (config.known) return make(chosen(), owner);
      const switching = new SwitchingConnections(make, chosen(), owner);
      config.listen({ onServiceConfig: () => switching.use(chosen()) });
      return switching;
    });
    config.listen(connections);
    this.target = name;
    this.#core = { ...parts, connections, config };
    Object.defineProperty(this, coreKey, { value: this.#core });
    forgotten.register(this.#core, this.#core.connections, this.#core);
  }

  /** The state of the connection. Calls are taken in every state but `"SHUTDOWN"`. */
  get state(): ChannelState {
    return this.#core.connections.state;
  }

  /**
   * Says what the channel waits for, and each of its calls, and on whom: those that wait for a connection, and those
   * that are open. It costs nothing until it is asked.
   */
  explain(): ChannelExplanation {
    return this.#core.connections.explain();
  }

  /**
   * The endpoints that the channel knows, as they are now: the states of their connections, the calls at them, and why
   * one gets no calls. With pick_first there is one, for the one connection.
   */
  get endpoints(): readonly EndpointState[] {
    return this.#core.connections.endpoints;
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

/** Finds the endpoints of a target; a target that needs no lookup has them at once. */
interface EndpointSource {
  endpoints(): readonly Endpoint[] | Promise<readonly Endpoint[]>;
  stop(reason: unknown): void;
}

interface ResolvedTarget {
  readonly name: string;
  readonly endpoints: EndpointSource;
  /** True where another connection can be made after a loss. */
  readonly reconnects: boolean;
  readonly secure: boolean;
  readonly authority: string;
}

interface ConnectionsOptions extends Omit<SubchannelOptions, "backoff" | "health" | "outcomes"> {
  readonly name: string;
  readonly endpoints: EndpointSource;
  readonly refreshIntervalMs: number;
  readonly healthCore: HealthCore;
  readonly backoff: BackoffOptions | undefined;
}

/** Returns the function that makes the connections. With pick_first all endpoints are the addresses of one. */
function connectionsOf(options: ConnectionsOptions): MakeConnections {
  const { name, endpoints } = options;
  const backoff = (): Backoff => new Backoff(options.backoff);
  // An option that cannot be is refused where the channel is made.
  backoff();
  return (chosen, owner) => {
    const { policy } = chosen;
    if (policy !== undefined)
      return new BalancedConnections(
        { ...options, chosen: { ...chosen, policy }, resolution: endpoints, backoff },
        owner,
      );
    const all = (found: readonly Endpoint[]): readonly Connector[] =>
      (chosen.shuffle ? shuffled(found) : found).flatMap(({ connectors }) => connectors);
    const connectors: ConnectSource["connectors"] = (signal) => {
      const found = endpoints.endpoints();
      if (Array.isArray(found)) return all(found);
      signal.addEventListener("abort", () => endpoints.stop(signal.reason), { once: true });
      return Promise.resolve(found).then(all);
    };
    return new Subchannel({ name, connectors }, { ...options, backoff: backoff() }, owner);
  };
}

/** Returns the service config of a channel, which may come from the resolver of its target. */
function configOf(scheme: string | undefined, options: ChannelOptions): ChannelConfig {
  const { serviceConfig, serviceConfigFromDns = false, resolvers = {} } = options;
  const policies = checkedPolicies(options.loadBalancingPolicies);
  if (typeof serviceConfigFromDns !== "boolean")
    throw new TypeError(`serviceConfigFromDns must be true or false, not ${String(serviceConfigFromDns)}`);
  const isRegistered = scheme !== undefined && Object.hasOwn(resolvers, scheme);
  if (serviceConfigFromDns && (scheme !== "dns" || isRegistered))
    throw new TypeError("serviceConfigFromDns is for targets whose name the system looks up");
  const own =
    serviceConfig === undefined
      ? undefined
      : new ResolvedServiceConfig(serviceConfig, { policies, refusesUnknown: true });
  return new ChannelConfig(
    own,
    isRegistered || serviceConfigFromDns,
    (given) => new ResolvedServiceConfig(given as ServiceConfig, { policies, refusesUnknown: false }),
  );
}

/** Returns the policy of a channel whose service config chooses none. */
function fallbackPolicy({ loadBalancing, serviceConfig }: ChannelOptions): ChosenPolicy {
  const policy = resolvePolicy(loadBalancing);
  const { loadBalancingConfig = [], loadBalancingPolicy } = serviceConfig ?? {};
  if (loadBalancing !== undefined && (loadBalancingConfig.length > 0 || loadBalancingPolicy !== undefined))
    throw new TypeError("the policy of a channel is given by loadBalancing or by serviceConfig, not by both");
  return policy === undefined ? pickFirst : { ...pickFirst, policy };
}

/** Returns the defaults of health checks: metadata and credentials of the channel, and nothing else of it. */
function healthDefaults({ metadata, interceptors }: ResolvedDefaults): ResolvedDefaults {
  const credentials = interceptors.filter(isCredentials);
  return resolveDefaults({ metadata, interceptors: credentials, maxReceiveMessageBytes: maxHealthAnswerBytes });
}

function checkedOutliers({ outlierDetection }: ChannelOptions): ResolvedOutlierDetection | undefined {
  if (outlierDetection === undefined) return undefined;
  if (!isConfigObject(outlierDetection)) throw new TypeError("outlierDetection must be an object");
  return resolveOutlierDetection(outlierDetection, "outlierDetection", checkOptionNames);
}

function checkedRefresh(
  { refreshIntervalMs }: ChannelOptions,
  { known }: ChannelConfig,
  { policy }: ChosenPolicy,
): number {
  if (refreshIntervalMs !== undefined && policy === undefined && known)
    throw new TypeError("refreshIntervalMs is for loadBalancing policies that connect to all endpoints");
  return durationMs("refreshIntervalMs", refreshIntervalMs ?? 60_000, 1);
}

function inContext({ name, connect }: Connector, context: CallerContext): Connector {
  return { name, connect: (signal, takeOver) => context.run(() => connect(signal, takeOver)) };
}

function textTarget(
  { name, addresses, lookup, local, authority, serverName }: ParsedTarget,
  options: ChannelOptions,
  context: CallerContext,
  config: ChannelConfig,
): ResolvedTarget {
  const { resolvers = {} } = options;
  const secure = options.tls !== undefined || (options.plaintext !== true && !local);
  const proxyOf = proxyChoice(options.proxy);
  const connectorOf = (address: SocketAddress, proxy = proxyOf(address)): Connector =>
    inContext(socketConnector(address, secure, serverName, proxy, options), context);
  const maxAddresses = wholeNumber("maxAddresses", options.maxAddresses ?? 1_000, 1, 100_000);
  const minIntervalMs = durationMs("minResolutionIntervalMs", options.minResolutionIntervalMs ?? 5_000, 0);
  const found = { name, reconnects: true, secure, authority };
  if (addresses !== undefined) {
    if (typeof options.proxy === "string" && addresses.some((address) => "path" in address))
      throw new TypeError("proxy is for targets of TCP, and a Unix socket has none");
    const fixed = addresses.map((address) => ({ name: printAddress(address), connectors: [connectorOf(address)] }));
    return { ...found, endpoints: fixedEndpoints(fixed) };
  }
  const wanted = lookup as ResolverTarget;
  const named = wanted.scheme === "dns" ? parseHostPort(wanted.path) : undefined;
  const address = named === undefined ? undefined : { host: named.host, port: named.port ?? defaultPort };
  // The name decides about the proxy, and not the addresses that are found for it.
  const proxy = address === undefined ? undefined : proxyOf(address);
  if (address !== undefined && proxy !== undefined && resolvesNames(proxy) && resolvers["dns"] === undefined) {
    if (options.serviceConfigFromDns === true)
      throw new TypeError("serviceConfigFromDns: the proxy of this channel looks names up, and has no service config");
    return { ...found, endpoints: fixedEndpoints([{ name, connectors: [connectorOf(address, proxy)] }]) };
  }
  const through = (each: SocketAddress): Connector =>
    inContext(socketConnector(each, secure, serverName, "path" in each ? undefined : proxy, options), context);
  const { clock = systemClock } = options;
  const endpoints = new Resolution({
    name,
    clock,
    resolver: resolvers[wanted.scheme] ?? (options.serviceConfigFromDns ? dnsResolverWithConfig(clock) : dnsResolver),
    takeConfig: (given) => config.take(given),
    context,
    target: wanted,
    minIntervalMs,
    maxAddresses,
    timeoutMs: checkConnectTimeoutMs(options),
    connectorOf: (each) => (address === undefined ? connectorOf(each) : through(each)),
  });
  return { ...found, endpoints };
}

function fixedEndpoints(endpoints: readonly Endpoint[]): EndpointSource {
  return { endpoints: () => endpoints, stop() {} };
}

/** Returns the way to an address. @param serverName the host of the certificate, where it is not the address's own */
function socketConnector(
  address: SocketAddress,
  secure: boolean,
  serverName: string | undefined,
  proxy: ProxyServer | undefined,
  options: ChannelOptions,
): Connector {
  const { clock } = options;
  const connectTimeoutMs = checkConnectTimeoutMs(options);
  const known = "path" in address || proxy !== undefined ? address : undefined;
  const server = serverName === undefined ? {} : { host: serverName, servername: serverName };
  return {
    name: printAddress(address),
    async connect(signal, takeOver) {
      const tls = secure ? { ...server, ...(await tlsOptions(options)) } : undefined;
      takeOver();
      const duplex = await connectSocket(address, { tls, proxy, signal, connectTimeoutMs, clock });
      return { duplex, peer: peerOf(duplex, known) };
    },
  };
}

function tlsOptions({ tls }: ChannelOptions): ReturnType<TlsOptions> {
  return typeof tls === "function" ? tls() : { ...tls };
}

/** Returns the host of an authority, by which the server's certificate is checked. */
function serverNameOf(authority: string): string {
  return parseHostPort(authority)?.host ?? authority;
}

function givenTarget(
  target: TransportTarget | ConnectTarget,
  options: ChannelOptions,
  context: CallerContext,
  config: ChannelConfig,
): ResolvedTarget {
  if (typeof target !== "object" || target === null) {
    const said = typeof target === "number" ? `the number ${target}` : String(target);
    throw new TypeError(
      `a channel's target is text such as "127.0.0.1:50051", { transport } or { connect }, not ${said}`,
    );
  }
  const authority = target.authority ?? "localhost";
  for (const name of ["loadBalancing", "resolvers"] as const)
    if (options[name] !== undefined) throw new TypeError(`${name} is for targets that are addresses or names`);
  const only = (connector: Connector): EndpointSource =>
    fixedEndpoints([{ name: connector.name, connectors: [inContext(connector, context)] }]);
  proxyChoice(options.proxy);
  if (typeof options.proxy === "string") throw new TypeError("proxy is for targets that are addresses or names");
  if ("transport" in target) {
    if (options.tls !== undefined)
      throw new TypeError("tls is for targets that are addresses or { connect }; a given transport is used as it is");
    if (config.current?.loadBalancing?.policy !== undefined)
      throw new TypeError("serviceConfig: a given transport is one connection, over which no policy can balance");
    const { transport } = target;
    checkCarrier(transport);
    // It may break before the first call, and an "error" event without a listener ends the process.
    if (isDuplex(transport)) transport.on("error", () => {});
    const connect: Connector["connect"] = async () => {
      const duplex = await duplexOf(transport);
      if (duplex.destroyed) throw new Error("the given transport is closed", { cause: duplex.errored ?? undefined });
      return { duplex, peer: peerOf(duplex) };
    };
    const name = "the given transport";
    return { name, endpoints: only({ name, connect }), reconnects: false, secure: false, authority };
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
  const secure = options.tls !== undefined;
  return { name: authority, endpoints: only(connector), reconnects: true, secure, authority };
}
