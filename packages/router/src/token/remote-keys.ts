/**
 * Public keys that come from a server, and may change there. They are fetched when they are first needed, by a timer
 * from then on, and when a token names a key that is not among them: then at most every few seconds, since anyone can
 * write any key id into a token. While the server is away the last keys stay, up to a limit. Time is the clock's.
 */
import type { Buffer } from "node:buffer";
import { type Clock, isUrl, maxTimerMs, reasonText, wholeNumber } from "@trunkline/base";
import { createLocalJWKSet, errors, type JWTVerifyGetKey } from "jose";
import { addressProblem, type FetchJson, fetchJson, shownUrl } from "./fetch-json.js";
import { publicKeysOf } from "./public-keys.js";

/** The bounds of fetching keys. */
export interface RemoteKeyLimits {
  /** The time after which keys are fetched again. Default 300,000 ms: a key that is withdrawn is refused soon. */
  readonly refreshMs?: number | undefined;
  /**
   * The shortest time between two requests, those for unknown key ids included. Default 10,000 ms: forged tokens cause
   * six requests a minute at most, and a new key is known within that time.
   */
  readonly minRefreshMs?: number | undefined;
  /** The time for one request. Default 5,000 ms: callers with new keys wait for it. */
  readonly fetchTimeoutMs?: number | undefined;
  /** The largest document. Default 262,144 bytes: a hundred keys with their certificates. */
  readonly maxDocumentBytes?: number | undefined;
  /**
   * The time for which the last keys stay while no others can be fetched. Default 86,400,000 ms: a server that is away
   * for a night locks nobody out.
   */
  readonly maxStaleMs?: number | undefined;
}

/** The way to a server with keys. */
export interface RemoteServer extends RemoteKeyLimits {
  /** The authorities that the server's certificate is checked with, in PEM. Default: those of Node. */
  readonly ca?: string | Buffer | undefined;
  /** True allows `http://` beyond loopback. Default false: anyone on the way could give keys of their own. */
  readonly allowHttp?: boolean | undefined;
}

/** The place of public keys: the address of a JWK Set, or an issuer whose OpenID configuration names it. */
export type KeyPlace = { readonly jwksUrl: URL } | { readonly issuer: string };

/** A change of keys at a server, or of its state. */
export type RemoteKeyEvent =
  | { readonly kind: "keys-fetched"; readonly url: string; readonly keys: number }
  | { readonly kind: "keys-unavailable"; readonly url: string; readonly reason: string };

/** The surroundings of remote keys. */
export interface RemoteKeysContext {
  readonly clock: Clock;
  /** Called when keys have come, gone or changed: what was verified before has to be verified again. */
  onChange(): void;
  /** Called with each change, and once when the server begins to be away. */
  onEvent(event: RemoteKeyEvent): void;
  /** The function that fetches documents. Default: by HTTP. */
  readonly fetch?: FetchJson | undefined;
}

/** An error that says that there are no keys now, but may be later. */
export class KeysUnavailableError extends Error {
  override name = "KeysUnavailableError";
  readonly code = "KEYS_UNAVAILABLE";
}

interface Loaded {
  readonly find: JWTVerifyGetKey;
  readonly text: string;
  /** The time at which they were fetched. */
  readonly atMs: number;
}

/** The time between two attempts while the server is away, unless keys are fetched more often anyway. */
const retryMs = 30_000;

/** The part of another issuer's name that a message shows: it comes from a server. */
const maxShownChars = 100;

export class RemoteKeys {
  readonly #place: KeyPlace;
  readonly #url: string;
  readonly #server: RemoteServer;
  readonly #limits: { readonly [Name in keyof RemoteKeyLimits]-?: number };
  readonly #context: RemoteKeysContext;
  #loaded: Loaded | undefined;
  #attempt: Promise<void> | undefined;
  #lastAttemptMs = Number.NEGATIVE_INFINITY;
  #isAway = false;
  readonly #closing: AbortController = new AbortController();
  #cancel: () => void = () => {};

  /** @throws TypeError for an address that keys may not come from, RangeError for a limit out of its range */
  constructor(place: KeyPlace, server: RemoteServer, context: RemoteKeysContext) {
    const first = firstAddress(place);
    const problem = addressProblem(first, server.allowHttp ?? false);
    if (problem !== undefined) throw new TypeError(`the address ${problem}`);
    this.#place = place;
    this.#url = shownUrl(first);
    this.#server = server;
    this.#context = context;
    const {
      refreshMs = 300_000,
      minRefreshMs = 10_000,
      fetchTimeoutMs = 5_000,
      maxDocumentBytes = 262_144,
      maxStaleMs = 86_400_000,
    } = server;
    this.#limits = {
      refreshMs: wholeNumber("refreshMs", refreshMs, 1, maxTimerMs),
      minRefreshMs: wholeNumber("minRefreshMs", minRefreshMs, 1, maxTimerMs),
      fetchTimeoutMs: wholeNumber("fetchTimeoutMs", fetchTimeoutMs, 1, maxTimerMs),
      maxDocumentBytes: wholeNumber("maxDocumentBytes", maxDocumentBytes, 1, 2 ** 30),
      maxStaleMs: wholeNumber("maxStaleMs", maxStaleMs, 1, maxTimerMs),
    };
  }

  /** Fetches the keys now, so that they are there when a token comes. */
  start(): void {
    if (this.#lastAttemptMs === Number.NEGATIVE_INFINITY) void this.#fetch();
  }

  /** Fetches the keys again now, unless they are being fetched. */
  refresh(): void {
    void this.#fetch();
  }

  /** Fetches no more. */
  close(): void {
    this.#cancel();
    this.#closing.abort(new Error("the router is closing"));
  }

  /**
   * Finds the key for a token. @throws JOSEError where there is none, KeysUnavailableError where there are no keys at
   * all now
   */
  readonly find: JWTVerifyGetKey = async (header, token) => {
    if (this.#current() === undefined) await this.#fetchIfAllowed();
    const keys = this.#current();
    if (keys === undefined) throw new KeysUnavailableError("the public keys of the token's issuer are not here now");
    try {
      return await keys.find(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      await this.#fetchIfAllowed();
      const others = this.#current();
      if (others === undefined || others.text === keys.text) throw error;
      return others.find(header, token);
    }
  };

  /** Returns the keys, unless they are too old. */
  #current(): Loaded | undefined {
    const { clock } = this.#context;
    if (this.#loaded !== undefined && clock.nowMs() - this.#loaded.atMs >= this.#limits.maxStaleMs) this.#forget();
    return this.#loaded;
  }

  #forget(): void {
    this.#loaded = undefined;
    this.#context.onChange();
  }

  /** Waits for the attempt that is under way, or makes one where the last one was long enough ago. */
  async #fetchIfAllowed(): Promise<void> {
    const isEarly = this.#context.clock.nowMs() - this.#lastAttemptMs < this.#limits.minRefreshMs;
    if (this.#attempt !== undefined || !isEarly) await this.#fetch();
  }

  /** Makes an attempt, of which there is one at a time, and the appointment for the next one. Never rejects. */
  #fetch(): Promise<void> {
    if (this.#closing.signal.aborted) return Promise.resolve();
    this.#attempt ??= this.#attemptNow().finally(() => {
      this.#attempt = undefined;
      this.#schedule();
    });
    return this.#attempt;
  }

  async #attemptNow(): Promise<void> {
    const { clock } = this.#context;
    this.#lastAttemptMs = clock.nowMs();
    const { fetchTimeoutMs } = this.#limits;
    const late = new AbortController();
    const cancel = clock.at(
      clock.nowMs() + fetchTimeoutMs,
      () => late.abort(new Error(`there was no answer for ${fetchTimeoutMs} ms`)),
      "watch",
    );
    try {
      this.#take(await this.#load(AbortSignal.any([late.signal, this.#closing.signal])));
    } catch (error) {
      this.#failed(error);
    } finally {
      cancel();
    }
  }

  async #load(signal: AbortSignal): Promise<unknown> {
    const { fetch = fetchJson } = this.#context;
    const { ca, allowHttp = false } = this.#server;
    const options = { signal, ca, maxBytes: this.#limits.maxDocumentBytes };
    if ("jwksUrl" in this.#place) return fetch(this.#place.jwksUrl, options);
    const { issuer } = this.#place;
    const configuration = await fetch(firstAddress(this.#place), options);
    const { issuer: named, jwks_uri: address } = (configuration ?? {}) as Readonly<Record<string, unknown>>;
    // OpenID Connect Discovery 1.0 §4.3: another issuer could otherwise speak for this one.
    if (named !== issuer) {
      const other = typeof named === "string" ? JSON.stringify(named.slice(0, maxShownChars)) : "no issuer";
      throw new Error(`its configuration names ${other}, and not the issuer ${JSON.stringify(issuer)}`);
    }
    if (typeof address !== "string" || !URL.canParse(address))
      throw new Error("its configuration has no address of keys (jwks_uri)");
    const url = new URL(address);
    const problem = addressProblem(url, allowHttp);
    if (problem !== undefined) throw new Error(`the address of its keys ${problem}`);
    return fetch(url, options);
  }

  #take(set: unknown): void {
    if (this.#closing.signal.aborted) return;
    const usable = publicKeysOf(set);
    const { clock, onChange, onEvent } = this.#context;
    const text = JSON.stringify(usable);
    const isNew = text !== this.#loaded?.text;
    this.#loaded = { find: createLocalJWKSet(usable), text, atMs: clock.nowMs() };
    if (isNew) onChange();
    if (isNew || this.#isAway) onEvent({ kind: "keys-fetched", url: this.#url, keys: usable.keys.length });
    this.#isAway = false;
  }

  #failed(error: unknown): void {
    if (this.#closing.signal.aborted) return;
    this.#current();
    if (this.#isAway) return;
    this.#isAway = true;
    this.#context.onEvent({ kind: "keys-unavailable", url: this.#url, reason: reasonText(error) });
  }

  #schedule(): void {
    this.#cancel();
    if (this.#closing.signal.aborted) return;
    const { clock } = this.#context;
    const { refreshMs } = this.#limits;
    const pauseMs = this.#isAway ? Math.min(refreshMs, retryMs) : refreshMs;
    this.#cancel = clock.at(clock.nowMs() + pauseMs, () => void this.#fetch(), "watch");
  }
}

/** Returns the address that is asked first. @throws TypeError for an issuer that is no address */
function firstAddress(place: KeyPlace): URL {
  if ("jwksUrl" in place) {
    if (isUrl(place.jwksUrl)) return new URL(place.jwksUrl.href);
    throw new TypeError("the address of keys is a URL (jwksUrl: URL)");
  }
  const { issuer } = place;
  if (typeof issuer !== "string" || !URL.canParse(issuer) || /[?#]/.test(issuer))
    throw new TypeError("an issuer is an address such as https://login.example.org, without a query");
  return new URL(`${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`);
}
