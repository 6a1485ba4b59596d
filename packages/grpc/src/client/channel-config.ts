/**
 * The service config of a channel as it stands now: that of the resolver's last answer, or the one of the options where
 * the answer has none.
 * @see gRFC A21 for what holds when an answer has a config that cannot be
 */
import type { MethodPolicy, ResolvedServiceConfig } from "./service-config.js";

/** A listener that is told when the config is another than before, or is known at last. */
export interface ConfigListener {
  onServiceConfig(): void;
}

export class ChannelConfig {
  /** The config of calls that no service config is for. */
  static readonly none: ChannelConfig = new ChannelConfig(undefined, false, (given) => given as ResolvedServiceConfig);

  readonly #own: ResolvedServiceConfig | undefined;
  readonly #parse: (given: unknown) => ResolvedServiceConfig;
  /** True once it is known whether the resolver gives a config. */
  known: boolean;
  /** The config that holds now; undefined while none is known, and where there is none. */
  current: ResolvedServiceConfig | undefined;
  /** The text of the resolver's last config, by which one that has not changed is recognised. */
  #text: string | undefined;
  readonly #listeners: ConfigListener[] = [];

  /**
   * @param own the config of the options, which holds where a resolver gives none
   * @param parse checks the config of a resolver
   */
  constructor(
    own: ResolvedServiceConfig | undefined,
    resolves: boolean,
    parse: (given: unknown) => ResolvedServiceConfig,
  ) {
    this.#own = own;
    this.#parse = parse;
    this.known = !resolves;
    this.current = resolves ? undefined : own;
  }

  /** Adds what is told of changes, in the order in which it was added. */
  listen(listener: ConfigListener): void {
    this.#listeners.push(listener);
  }

  /**
   * Takes what an answer of the resolver has: its config, or undefined for none.
   * @throws TypeError or RangeError for a config that cannot be where none has held before
   */
  take(given: unknown): void {
    let next = this.#own;
    let text: string | undefined;
    try {
      text = given === undefined ? undefined : JSON.stringify(given);
      if (this.known && text === this.#text) return;
      if (given !== undefined) next = this.#parse(given);
    } catch (error) {
      if (!this.known) throw error;
      return;
    }
    this.#text = text;
    this.current = next;
    this.known = true;
    for (const listener of this.#listeners) listener.onServiceConfig();
  }
}

/** The part of a channel's config that is for one method, looked up again when the config has changed. */
export class MethodConfigView {
  readonly #config: ChannelConfig;
  readonly #path: string;
  #of: ResolvedServiceConfig | undefined;
  #policy: MethodPolicy | undefined;

  constructor(config: ChannelConfig, path: string) {
    this.#config = config;
    this.#path = path;
  }

  get policy(): MethodPolicy | undefined {
    const { current } = this.#config;
    if (current !== this.#of) {
      this.#of = current;
      this.#policy = current?.policyOf(this.#path);
    }
    return this.#policy;
  }
}
