/**
 * The endpoints of a channel's target, as they are known now. A name is looked up when its addresses are wanted, at
 * most once at a time and not again too soon.
 */
import { printAddress, reasonText, type SocketAddress } from "@trunkline/base";
import type { Clock } from "@trunkline/streams";
import { TransportError } from "#platform";
import type { CallerContext } from "../hooks/context.js";
import type { Connector } from "./connect-attempt.js";
import { checkedEndpoints, partsOfAnswer, type Resolver, type ResolverTarget } from "./resolver.js";

/** A server with its addresses. */
export interface Endpoint {
  /** The addresses as text, which tell endpoints apart. */
  readonly name: string;
  readonly connectors: readonly Connector[];
}

export interface ResolutionOptions {
  /** The name of the target in messages. */
  readonly name: string;
  readonly clock: Clock;
  readonly resolver: Resolver;
  readonly target: ResolverTarget;
  /** The time from one lookup to the next. */
  readonly minIntervalMs: number;
  readonly maxAddresses: number;
  /** The time for one lookup. */
  readonly timeoutMs: number;
  /** The context of the program that made the channel, in which names are looked up, and not that of a caller. */
  readonly context: CallerContext;
  /** Takes the service config of an answer, or undefined for none. @throws where it cannot be, and none has held */
  takeConfig(given: unknown): void;
  /** Returns the way to connect to an address. */
  connectorOf(address: SocketAddress): Connector;
}

export class Resolution {
  readonly #options: ResolutionOptions;
  #known: readonly Endpoint[] | undefined;
  #askedAtMs = Number.NEGATIVE_INFINITY;
  /** The lookup that is under way. */
  #asking: Promise<readonly Endpoint[]> | undefined;
  #stop: ((reason: unknown) => void) | undefined;

  constructor(options: ResolutionOptions) {
    this.#options = options;
  }

  /**
   * Returns the endpoints: those that are known while they are fresh, otherwise the answer of a lookup. Where that
   * fails, those that are known count on.
   */
  endpoints(): readonly Endpoint[] | Promise<readonly Endpoint[]> {
    if (this.#asking !== undefined) return this.#asking;
    const { clock, minIntervalMs, context } = this.#options;
    const known = this.#known;
    if (known !== undefined && clock.nowMs() - this.#askedAtMs < minIntervalMs) return known;
    this.#askedAtMs = clock.nowMs();
    this.#asking = context.run(() =>
      this.#ask().finally(() => {
        this.#asking = undefined;
        this.#stop = undefined;
      }),
    );
    return this.#asking;
  }

  /** Stops a lookup that is under way. */
  stop(reason: unknown): void {
    this.#stop?.(reason);
  }

  async #ask(): Promise<readonly Endpoint[]> {
    const { name, resolver, target, maxAddresses } = this.#options;
    try {
      const answer = await this.#limited((signal) => resolver(target, { signal }));
      const parts = partsOfAnswer(answer);
      const endpoints = checkedEndpoints(parts.endpoints, maxAddresses).map((addresses) => this.#endpoint(addresses));
      if (endpoints.length === 0) throw new Error("the name has no address");
      this.#options.takeConfig(parts.serviceConfig);
      this.#known = endpoints;
      return endpoints;
    } catch (error) {
      if (this.#known !== undefined) return this.#known;
      if (TransportError.is(error)) throw error;
      throw new Error(`cannot resolve ${name}: ${reasonText(error)}`, { cause: error });
    }
  }

  /** Bounds the time of a lookup. */
  #limited<T>(ask: (signal: AbortSignal) => T | Promise<T>): Promise<T> {
    const { clock, timeoutMs } = this.#options;
    return new Promise((resolve, reject) => {
      const controller = new AbortController();
      const stop = (reason: unknown): void => {
        disarm();
        controller.abort(reason);
        reject(reason);
      };
      const late = (): void =>
        stop(new TransportError("CONNECT_TIMEOUT", `no answer within connectTimeoutMs (${timeoutMs})`));
      const disarm = clock.at(clock.nowMs() + timeoutMs, late, "watch");
      this.#stop = stop;
      const asked = (async () => ask(controller.signal))();
      asked.then(resolve, reject).finally(disarm);
    });
  }

  #endpoint(addresses: readonly SocketAddress[]): Endpoint {
    return {
      name: addresses.map(printAddress).join(" "),
      connectors: addresses.map((address) => this.#options.connectorOf(address)),
    };
  }
}
