/** A router and an exchange in one process, on a server of their own. */

import { wholeNumber } from "@trunkline/base";
import { Server, type ServerListenOptions, type ServerOptions } from "@trunkline/grpc";
import type { Clock, CloseOptions } from "@trunkline/streams";
import { systemClock } from "@trunkline/streams/node";
import { ExchangeService } from "./gen/trunkline/v1/exchange_pb.js";
import { type RouterLimits, resolveLimits } from "./limits.js";
import { Reporter, type RouterEvent, type RouterStats } from "./service/events.js";
import { ExchangeServiceHandler } from "./service/exchange-service.js";
import { RouterServiceHandler } from "./service/router-service.js";
import { ForwardingService } from "./stream/definition.js";
import { KeyRing, type KeySource } from "./token/key-ring.js";
import { exchangeToken, routerToken, TokenMinter } from "./token/minter.js";
import { TokenVerifier } from "./token/verifier.js";

export interface RouterOptions extends RouterLimits {
  /**
   * What tokens are checked with. The first secret signs the tokens of the exchange, so there must be one; others are there for a
   * rotation, or for tokens that somebody else makes.
   */
  readonly keys: readonly KeySource[];
  /** Where the exchange sends peers to. Default: to the server that it is part of. */
  readonly routerEndpoint?: string | undefined;
  /** Refuses a third peer with ALREADY_EXISTS while a pair of its name lives. Default false, as in Jumpstarter: it waits as the first of a new pair. Streams of the exchange never have a third. */
  readonly refuseThirdPeer?: boolean | undefined;
  /** Hears what happens, for logs. Must be quick. */
  readonly onEvent?: ((event: RouterEvent) => void) | undefined;
  /** Hears of errors that are nobody's but ours. Default: `console.error`. */
  readonly onError?: ServerOptions["onError"];
  /** Default: the system's. */
  readonly clock?: Clock | undefined;
  /** Milliseconds since 1970, which tokens go by. Default: `Date.now`. */
  readonly unixNowMs?: (() => number) | undefined;
}

/** For whom a token is minted, and for how long. */
export interface ExchangeTokenOptions {
  /** Who uses it, for logs, and so that nobody else takes over the names of its listeners. */
  readonly identity: string;
  readonly lifetimeMs: number;
}

/**
 * `jumpstarter.v1.RouterService`, which joins two callers whose tokens have the same `sub`, and `trunkline.v1.ExchangeService`, through which
 * peers find each other by names.
 */
export class Router implements AsyncDisposable {
  /** For further services, before `listen`; and for connections that exist already (`serve`). */
  readonly server: Server;
  readonly #reporter: Reporter;
  readonly #minter: TokenMinter;
  readonly #routerService: RouterServiceHandler;
  readonly #exchangeService: ExchangeServiceHandler;

  /** @throws TypeError for keys that are none, RangeError for a limit out of its range */
  constructor(options: RouterOptions) {
    const {
      clock = systemClock,
      unixNowMs = Date.now,
      routerEndpoint = "",
      refuseThirdPeer = false,
      onEvent,
      onError,
    } = options;
    const limits = resolveLimits(options);
    const keys = new KeyRing(options.keys);
    if (!keys.canSign)
      throw new TypeError("a router needs a secret key to make the tokens of its exchange with: { secret }");
    const { maxCachedTokens, lingerMs, maxConcurrentStreams, maxReceiveMessageBytes } = limits;
    const reporter = new Reporter(onEvent);
    this.#reporter = reporter;
    this.#minter = new TokenMinter(keys, unixNowMs);
    this.#routerService = new RouterServiceHandler({
      verifier: new TokenVerifier(keys, { ...routerToken, unixNowMs, maxCachedTokens }),
      limits: { ...limits, refuseThirdPeer },
      lingerMs,
      clock,
      unixNowMs,
      reporter,
    });
    this.#exchangeService = new ExchangeServiceHandler({
      ...limits,
      verifier: new TokenVerifier(keys, { ...exchangeToken, unixNowMs, maxCachedTokens }),
      minter: this.#minter,
      routerEndpoint,
      maxWaitMs: limits.maxDialWaitMs,
      clock,
      unixNowMs,
      reporter,
    });
    this.server = new Server({ maxConcurrentStreams, maxReceiveMessageBytes, clock, onError });
    this.server.add(ForwardingService, this.#routerService.implementation);
    this.server.add(ExchangeService, this.#exchangeService.implementation);
  }

  /**
   * Listens on `"127.0.0.1:0"`, `"host:port"` or `"unix:/path"`, and gives the bound address. See `Server.listen`.
   * @throws TypeError for an address that is none, or beyond loopback without TLS; Node's error when the address cannot be had
   */
  listen(address: string, options?: ServerListenOptions): Promise<string> {
    return this.server.listen(address, options);
  }

  /**
   * A token for the exchange: to listen, to dial and to list with. Whoever has it can use every name; it is a secret.
   * @throws RangeError for a lifetime that is none, TypeError for an empty identity
   */
  mintToken({ identity, lifetimeMs }: ExchangeTokenOptions): Promise<string> {
    if (typeof identity !== "string" || identity === "")
      throw new TypeError("the identity of a token must not be empty");
    return this.#minter.forExchange(identity, wholeNumber("lifetimeMs", lifetimeMs ?? 0, 1, Number.MAX_SAFE_INTEGER));
  }

  /** Counts as they are now. */
  get stats(): RouterStats {
    return { ...this.#reporter.stats };
  }

  /** Lets those who wait and listen go, and those who are joined end, at most `closeTimeoutMs` (5,000) long. Idempotent. */
  close(options?: Pick<CloseOptions, "closeTimeoutMs">): Promise<void> {
    this.#routerService.close();
    this.#exchangeService.close();
    return this.server.close(options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
