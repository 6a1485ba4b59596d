/** A router and an exchange in one process, on a server of their own. */
import { type Clock, checkOptionNames, maxTimerMs, optionNames, wholeNumber } from "@trunkline/base";
import { systemClock } from "@trunkline/base/node";
import { Server, type ServerListenOptions, type ServerOptions } from "@trunkline/grpc";
import { Health } from "@trunkline/grpc/health";
import type { CloseOptions } from "@trunkline/streams";
import { EventLog } from "./admin/event-log.js";
import type { RouterView } from "./admin/router-view.js";
import { AdminServiceHandler } from "./admin/service.js";
import { LiveRouterView } from "./admin/view.js";
import { AdminService } from "./gen/trunkline/v1/admin_pb.js";
import { ExchangeService } from "./gen/trunkline/v1/exchange_pb.js";
import { limitNames, type RouterLimits, resolveLimits } from "./limits.js";
import { Access } from "./policy/access.js";
import { type AdminRight, adminRights, type RouterPolicy } from "./policy/policy.js";
import { newKilledStreams } from "./registry/killed-streams.js";
import { StreamTable } from "./registry/streams.js";
import { Callers } from "./service/callers.js";
import { describeServices } from "./service/describe.js";
import type { RouterEvent, RouterStats } from "./service/events.js";
import { ExchangeServiceHandler } from "./service/exchange-service.js";
import { Reporter } from "./service/reporter.js";
import { RouterServiceHandler } from "./service/router-service.js";
import { SessionTickets } from "./service/session-tickets.js";
import { routerHttp2 } from "./stream/connection-options.js";
import { ForwardingService } from "./stream/definition.js";
import { CertificateCallers, type ClientCertificates } from "./token/client-certificate.js";
import { type IdentityIssuer, IdentityVerifier } from "./token/identity-issuer.js";
import { KeyRing, type KeySource } from "./token/key-ring.js";
import { exchangeToken, routerToken, TokenMinter, type TokenParties, ticketToken } from "./token/minter.js";
import type { RemoteKeyEvent } from "./token/remote-keys.js";
import { TokenVerifier, type VerifiedToken } from "./token/verifier.js";
import { WebSocketAcceptor } from "./web-socket/accept.js";

/** Options of a router: its keys, and the limits on what peers can take. */
export interface RouterOptions extends RouterLimits {
  /**
   * The keys that tokens are checked with. The first secret signs the tokens of the exchange, so there must be one;
   * others serve a rotation, or tokens that another issuer makes.
   */
  readonly keys: readonly KeySource[];
  /**
   * The policy: who may listen and dial under which names. Default: every holder of a good token may do everything. The
   * streams of tokens from elsewhere, which name no identity, are refused only by the ids of their tokens.
   */
  readonly policy?: RouterPolicy | undefined;
  /**
   * The issuers of tokens for the exchange beside this router, such as a provider of OpenID Connect: their users listen
   * and dial as well. Default: none.
   */
  readonly issuers?: readonly IdentityIssuer[] | undefined;
  /**
   * The users who need no token, since they show a certificate that an authority of `listen`'s TLS options vouches for
   * (`ca`, `requestCert: true`). A call with a token is that of the token. Default: certificates name nobody.
   */
  readonly clientCertificates?: ClientCertificates | undefined;
  /**
   * The issuer and the audience of the tokens for streams, those that the exchange makes included. Default: those of
   * Jumpstarter's controller, `https://jumpstarter.dev/stream` and `https://jumpstarter.dev/router`.
   */
  readonly streamTokens?: { readonly [Name in keyof TokenParties]?: string | undefined } | undefined;
  /**
   * The difference between the clocks of an issuer and this router that tokens may show. Default 0: they expire at
   * their second, as in Jumpstarter.
   */
  readonly clockToleranceMs?: number | undefined;
  /** The endpoint to which the exchange sends peers. Default: the server that it is part of. */
  readonly routerEndpoint?: string | undefined;
  /**
   * True refuses a third peer with ALREADY_EXISTS while a pair of its name lives. Default false, as in Jumpstarter: the
   * third peer waits as the first of a new pair. Streams of the exchange never have a third peer.
   */
  readonly refuseThirdPeer?: boolean | undefined;
  /**
   * False describes the services to nobody. Default true, as in Jumpstarter: anyone who can connect learns by gRPC's
   * reflection what the services look like, which is public, and nothing of names and streams.
   */
  readonly reflection?: boolean | undefined;
  /**
   * Called when an operator asks the router to drain, with the time for streams that cannot move, undefined for one of
   * the router's choice. Default: the router drains itself, within 30,000 ms.
   */
  readonly onDrain?: ((deadlineMs: number | undefined) => void) | undefined;
  /** Called with each event, for logs. It must be quick. */
  readonly onEvent?: ((event: RouterEvent) => void) | undefined;
  /** Called with errors of the router itself, which no peer is to blame for. Default: `console.error`. */
  readonly onError?: ServerOptions["onError"];
  /** The clock for all waits. Default: the system's. */
  readonly clock?: Clock | undefined;
  /** Returns the milliseconds since 1970, with which the times in tokens are compared. Default: `Date.now`. */
  readonly unixNowMs?: (() => number) | undefined;
}

/** The holder and the lifetime of a token for the exchange. */
export interface ExchangeTokenOptions {
  /**
   * The name of the token's user. It stands in logs, and no other identity can take over the names of its listeners.
   */
  readonly identity: string;
  /** The time for which the token is good. */
  readonly lifetimeMs: number;
  /**
   * The right to the admin service at routers without a policy; where there is one, it decides alone. Default: none.
   */
  readonly admin?: AdminRight | undefined;
}

/** Options of draining. */
export interface DrainOptions {
  /** The time for streams that cannot move, in milliseconds. */
  readonly deadlineMs: number;
}

const drainOptionNames = optionNames<DrainOptions>({ deadlineMs: true });

const routerOptionNames = optionNames<RouterOptions>({
  ...limitNames,
  keys: true,
  policy: true,
  issuers: true,
  clientCertificates: true,
  streamTokens: true,
  clockToleranceMs: true,
  routerEndpoint: true,
  refuseThirdPeer: true,
  reflection: true,
  onDrain: true,
  onEvent: true,
  onError: true,
  clock: true,
  unixNowMs: true,
});
const tokenOptionNames = optionNames<ExchangeTokenOptions>({ identity: true, lifetimeMs: true, admin: true });
/** The time for streams that cannot move where an operator drains the router and says none. */
const defaultDrainMs = 30_000;

/** The largest difference of clocks: one that is larger is a mistake, and lets expired tokens in. */
const maxClockToleranceMs = 3_600_000;

function checkParties(option: string, { issuer, audience }: TokenParties): void {
  for (const [name, text] of Object.entries({ issuer, audience }))
    if (typeof text !== "string" || text === "") throw new TypeError(`the ${name} of ${option} must be text`);
}

/**
 * Returns the largest message to the exchange: metadata, whose encoding takes up to seven bytes a field beside keys and
 * values, a name, and features. A small limit bounds the memory that unfinished messages take.
 */
function maxExchangeMessageBytes(maxMetadataBytes: number): number {
  return Math.min(16_384 + 8 * maxMetadataBytes, 2 ** 32 - 1);
}

/** The largest message to the admin service: texts of 255 characters, and names. */
const maxAdminMessageBytes = 8_192;

/**
 * `jumpstarter.v1.RouterService`, which joins two callers whose tokens have the same `sub`, and
 * `trunkline.v1.ExchangeService`, through which peers find each other by names; and `trunkline.v1.AdminService` for its
 * operators.
 */
export class Router implements AsyncDisposable {
  /** The server, for further services before `listen`, and for connections that exist already (`serve`). */
  readonly server: Server;
  /** The view of the router for its operators, who need no right here. */
  readonly admin: RouterView;
  /** The health of the router, as gRPC's health service tells it. It begins as serving. */
  readonly health: Health;
  readonly #reporter: Reporter;
  readonly #describes: boolean;
  #described: Promise<void> | undefined;
  readonly #access: Access;
  readonly #keys: KeyRing;
  readonly #verifiers: readonly TokenVerifier[];
  readonly #identities: IdentityVerifier;
  readonly #minter: TokenMinter;
  readonly #routerService: RouterServiceHandler;
  readonly #exchangeService: ExchangeServiceHandler;
  readonly #adminService: AdminServiceHandler;
  #closing = false;
  readonly #webSockets: WebSocketAcceptor;

  /**
   * Makes a router that listens nowhere yet. @throws TypeError for missing or unusable keys, PolicyError for a policy
   * that cannot be used, RangeError for a limit out of its range
   */
  constructor(options: RouterOptions) {
    checkOptionNames("Router", options, routerOptionNames);
    const {
      clock = systemClock,
      unixNowMs = Date.now,
      routerEndpoint = "",
      refuseThirdPeer = false,
      reflection = true,
      issuers = [],
      clientCertificates,
      streamTokens = {},
      clockToleranceMs = 0,
      onDrain = (deadlineMs = defaultDrainMs) => void this.drain({ deadlineMs }),
      onEvent,
      onError,
    } = options;
    const limits = resolveLimits(options);
    wholeNumber("clockToleranceMs", clockToleranceMs, 0, maxClockToleranceMs);
    const { issuer = routerToken.issuer, audience = routerToken.audience } = streamTokens;
    checkParties("streamTokens", { issuer, audience });
    const log = new EventLog(unixNowMs);
    const tell = (event: RouterEvent): unknown => {
      log.add(event);
      return onEvent?.(event);
    };
    const reporter = new Reporter(tell, { ...limits, clock });
    this.#reporter = reporter;
    const onKeys = (event: RemoteKeyEvent): void => reporter.tell(event);
    const keys = new KeyRing(options.keys, { clock, onChange: () => this.#forgetTokens(), onEvent: onKeys });
    this.#keys = keys;
    if (!keys.canSign)
      throw new TypeError("a router needs a secret key to make the tokens of its exchange with: { secret }");
    const { maxCachedTokens, lingerMs, maxLingeringPeers } = limits;
    const access = new Access(options.policy);
    this.#access = access;
    const streams = new StreamTable(limits.maxRememberedStreams);
    const killed = newKilledStreams();
    this.#describes = reflection;
    const verifying = { unixNowMs, maxCachedTokens, clockToleranceMs };
    const verifier = new TokenVerifier(keys, { issuer, audience, ...verifying });
    const exchangeVerifier = new TokenVerifier(keys, { ...exchangeToken, ...verifying });
    const ticketVerifier = new TokenVerifier(keys, { ...ticketToken, ...verifying });
    this.#verifiers = [verifier, exchangeVerifier, ticketVerifier];
    this.#identities = new IdentityVerifier(exchangeVerifier, issuers, verifying, { clock, onEvent: onKeys });
    const trust = (token: string, verified: VerifiedToken): void => verifier.trust(token, verified);
    this.#minter = new TokenMinter(keys, unixNowMs, trust, { issuer, audience });
    this.#routerService = new RouterServiceHandler({
      verifier,
      access,
      streams,
      killed,
      limits: { ...limits, refuseThirdPeer },
      lingerMs,
      maxLingeringPeers,
      clock,
      unixNowMs,
      reporter,
      onIdle: () => this.#adminService.end(),
    });
    const certificates = clientCertificates && new CertificateCallers(clientCertificates, unixNowMs);
    const callers = new Callers({ verifier: this.#identities, certificates, access, reporter });
    this.#exchangeService = new ExchangeServiceHandler({
      ...limits,
      callers,
      minter: this.#minter,
      tickets: new SessionTickets({
        verifier: ticketVerifier,
        minter: this.#minter,
        access,
        killed,
        nowMs: () => clock.nowMs(),
        sessions: this.#routerService.sessions,
        routerEndpoint,
        attemptMs: limits.maxDialWaitMs,
        unixNowMs,
      }),
      access,
      streams,
      routerEndpoint,
      maxWaitMs: limits.maxDialWaitMs,
      clock,
      unixNowMs,
      reporter,
    });
    const { keepaliveIntervalMs, keepaliveTimeoutMs } = limits;
    const { maxConcurrentStreams, maxConnections, maxReceiveMessageBytes } = limits;
    this.server = new Server({
      maxConcurrentStreams,
      maxConnections,
      maxReceiveMessageBytes,
      keepaliveIntervalMs,
      keepaliveTimeoutMs,
      http2: routerHttp2(limits.maxBufferedBytesPerConnection),
      clock,
      onError,
    });
    const view = new LiveRouterView({
      routing: this.#routerService,
      listeners: this.#exchangeService.listeners,
      streams,
      reporter,
      log,
      clock,
      limits,
      unixNowMs,
      connections: () => this.server.connections,
      isDraining: () => this.#closing,
      drain: onDrain,
    });
    this.admin = view;
    this.#adminService = new AdminServiceHandler({ view, callers, access });
    this.#webSockets = new WebSocketAcceptor((carrier) => void this.server.serve(carrier, { limited: true }), clock);
    this.health = new Health().addTo(this.server);
    for (const { typeName } of [ForwardingService, ExchangeService, AdminService]) this.health.set(typeName, "SERVING");
    this.server.add(ForwardingService, this.#routerService.implementation);
    this.server.add(ExchangeService, this.#exchangeService.implementation, {
      maxReceiveMessageBytes: maxExchangeMessageBytes(limits.maxMetadataBytes),
    });
    this.server.add(AdminService, this.#adminService.implementation, { maxReceiveMessageBytes: maxAdminMessageBytes });
  }

  /**
   * Listens on `"127.0.0.1:0"`, `"host:port"` or `"unix:/path"`, and returns the bound address. See `Server.listen`.
   * On the same port, any path of HTTP/1.1 opens a WebSocket that carries HTTP/2, unless `onHttp1` takes it.
   * @throws TypeError for a malformed address, or one beyond loopback without TLS; Node's error when the address cannot
   * be had
   */
  async listen(address: string, options?: ServerListenOptions): Promise<string> {
    if (this.#describes) {
      this.#described ??= describeServices(this.server);
      await this.#described;
    }
    this.#keys.start();
    this.#identities.start();
    return this.server.listen(address, { onHttp1: (socket) => this.#webSockets.accept(socket), ...options });
  }

  /**
   * Returns a token for the exchange: to listen, to dial and to list with. Its holder can use every name that the
   * policy gives to the identity, and all names where there is no policy; it is a secret.
   * @throws RangeError for a lifetime below 1 ms, TypeError for an empty identity or an unknown right
   */
  async mintToken(options: ExchangeTokenOptions): Promise<string> {
    checkOptionNames("mintToken", options, tokenOptionNames);
    const { identity, lifetimeMs, admin } = options;
    if (typeof identity !== "string" || identity === "")
      throw new TypeError("the identity of a token must not be empty");
    if (admin !== undefined && !adminRights.includes(admin))
      throw new TypeError(`the right admin of a token is one of ${adminRights.join(", ")}`);
    return this.#minter.forExchange(identity, wholeNumber("lifetimeMs", lifetimeMs ?? 0, 1), admin);
  }

  /**
   * Exchanges the keys. The first secret signs from now on, and tokens of keys that are not among the new ones are
   * refused. What such tokens have opened goes on: `updatePolicy` ends it.
   * @throws TypeError where there is no secret, or a key that cannot be used, and the old keys stay
   */
  updateKeys(keys: readonly KeySource[]): void {
    this.#keys.replace(keys);
    this.#keys.start();
    this.#forgetTokens();
  }

  /** Fetches the public keys of all addresses and issuers now. Those that cannot be fetched stay. */
  refreshKeys(): void {
    this.#keys.refresh();
    this.#identities.refresh();
  }

  #forgetTokens(): void {
    for (const verifier of this.#verifiers) verifier.forget();
  }

  /**
   * Exchanges the policy; undefined lets every holder of a good token do everything. Listeners and streams that the new
   * policy does not allow end at once with PERMISSION_DENIED; a lower limit ends none that there are.
   * @throws PolicyError that names all mistakes, and the old policy stays
   */
  updatePolicy(policy: RouterPolicy | undefined): void {
    this.#access.update(policy);
    this.#exchangeService.listeners.recheck();
    this.#routerService.recheck();
    this.#adminService.recheck();
  }

  /** The counts as they are now. */
  get stats(): RouterStats {
    return { ...this.#reporter.stats };
  }

  /**
   * Closes the router without a loss: it takes no new connections and streams, and asks the peers of streams that can
   * be resumed to go to another router, or to the one that is started at this endpoint. Those have 5 s for that, and
   * come back later otherwise. Other streams have `deadlineMs` to end; what is left then ends as by `close`. Resolves
   * when all has ended.
   * @throws RangeError for a deadline below 0
   */
  async drain(options: DrainOptions): Promise<void> {
    checkOptionNames("drain", options, drainOptionNames);
    const { deadlineMs } = options;
    const closeTimeoutMs = wholeNumber("deadlineMs", deadlineMs, 0, maxTimerMs);
    this.#routerService.drain();
    await this.close({ closeTimeoutMs });
  }

  /**
   * Closes the router: says by its health that it is not serving, ends the calls of waiting peers and listeners, and
   * lets pairs end within `closeTimeoutMs` (5,000). Idempotent; never rejects.
   */
  async close(options?: Pick<CloseOptions, "closeTimeoutMs">): Promise<void> {
    this.#closing = true;
    this.health.shutDown();
    this.#webSockets.close();
    this.#routerService.close();
    this.#exchangeService.close();
    await this.server.close(options);
    this.#keys.close();
    this.#identities.close();
    this.#reporter.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
