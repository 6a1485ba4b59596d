/** What users hold: a client of one exchange, through which they listen, dial and look around. */
import type tls from "node:tls";
import { wholeNumber } from "@trunkline/base";
import { type BackoffOptions, Deadline } from "@trunkline/grpc";
import { Metadata, type MetadataInit } from "@trunkline/metadata";
import type { AbortSignalLike, Clock, CloseOptions, WaitOptions } from "@trunkline/streams";
import { systemClock } from "@trunkline/streams/node";
import { ownFeatures, parseFeatures } from "../stream/features.js";
import { fieldsToMetadata, metadataToFields } from "../stream/fields.js";
import type { RouterStream } from "../stream/router-stream.js";
import { authorizationKey, bearer } from "../token/bearer.js";
import { Channels } from "./channels.js";
import { exchangeClient } from "./clients.js";
import { type Listener, NameListener, type NameListenerOptions } from "./listener.js";
import { openRouterStream } from "./open-stream.js";

export interface TrunklineOptions {
  /** Of the exchange: `"host:port"`, `"dns:///host:port"`, `"unix:/path"`. */
  readonly endpoint: string;
  /** For the exchange; a function is asked before each call, so that a token can be renewed. */
  readonly token: string | (() => string | Promise<string>);
  /** As for a `Channel`: TLS by default, except to loopback and Unix sockets. For routers that the exchange names too. */
  readonly tls?: tls.ConnectionOptions | undefined;
  /** No TLS, wherever the endpoint is. */
  readonly plaintext?: boolean | undefined;
  /** The waits between attempts to come back. */
  readonly backoff?: BackoffOptions | undefined;
  /** Default: the system's. */
  readonly clock?: Clock | undefined;
}

export interface ListenerOptions {
  /** For those who dial, at their stream's `extra(streamMetadata)`, and for `list`. */
  readonly metadata?: MetadataInit | undefined;
  /** Closes the listener. */
  readonly signal?: AbortSignalLike | undefined;
  /** How many streams may wait for `accept`; one more is refused with RESOURCE_EXHAUSTED. Default 64, a burst. */
  readonly maxWaitingStreams?: number | undefined;
  /** Hears when the connection to the exchange is lost, and when it is back. */
  readonly onState?: NameListenerOptions["onState"];
}

export interface DialOptions {
  /** For who listens, at its stream's `extra(streamMetadata)`. */
  readonly metadata?: MetadataInit | undefined;
  /** Ends the dialling; has no effect on the stream. */
  readonly signal?: AbortSignalLike | undefined;
  /** How long reaching the exchange may take, and then how long the other side may take to join. Default 30,000 ms, which is also what an exchange allows if it was not told otherwise. */
  readonly waitMs?: number | undefined;
}

/** A name that somebody listens under. */
export interface ListedName {
  readonly name: string;
  readonly metadata: Metadata;
  readonly since: Date;
}

/**
 * ```ts
 * await using trunkline = new Trunkline({ endpoint, token });
 * const stream = await trunkline.dial("web");
 * ```
 */
export class Trunkline implements AsyncDisposable {
  readonly endpoint: string;
  readonly #options: TrunklineOptions;
  readonly #clock: Clock;
  readonly #channels: Channels;
  readonly #listeners: Set<NameListener> = new Set();

  /** Connects to nothing yet. @throws TypeError for an endpoint or a token that is none */
  constructor(options: TrunklineOptions) {
    const { endpoint, token, tls, plaintext, backoff, clock = systemClock } = options;
    if (typeof token !== "function" && (typeof token !== "string" || token === "")) {
      throw new TypeError("a token is a string that is not empty, or a function that gives one");
    }
    if (typeof endpoint !== "string" || endpoint === "")
      throw new TypeError("the endpoint of an exchange must not be empty");
    this.endpoint = endpoint;
    this.#options = options;
    this.#clock = clock;
    this.#channels = new Channels(endpoint, { tls, plaintext, backoff, clock });
  }

  /**
   * Listens under a name: resolves when the exchange has confirmed it, and gives the streams of those who dial. A connection that is lost is made
   * again, and takes the place of its stale self. Another listener of the same identity that takes the name ends this one.
   * @throws GrpcError UNAVAILABLE (nobody there), UNAUTHENTICATED (the token), ALREADY_EXISTS (the name is somebody else's), INVALID_ARGUMENT
   * (no name), RESOURCE_EXHAUSTED; MetadataError
   */
  async listen(name: string, options: ListenerOptions = {}): Promise<Listener> {
    const { metadata, signal, onState } = options;
    const listener = new NameListener(name, {
      channels: this.#channels,
      authorization: () => this.#authorization(),
      metadata: Metadata.from(metadata).clone().freeze(),
      maxWaitingStreams: wholeNumber("maxWaitingStreams", options.maxWaitingStreams ?? 64, 0, Number.MAX_SAFE_INTEGER),
      onState,
      backoff: this.#options.backoff,
      clock: this.#clock,
      onClosed: () => this.#listeners.delete(listener),
    });
    this.#listeners.add(listener);
    await listener.begin(signal);
    return listener;
  }

  /**
   * Dials a name: resolves when the stream is on its way. It does not wait for the other side; one that does not join within `waitMs` breaks the stream with
   * DEADLINE_EXCEEDED.
   * @throws GrpcError NOT_FOUND (nobody listens under the name), UNAVAILABLE, UNAUTHENTICATED, INVALID_ARGUMENT, DEADLINE_EXCEEDED; MetadataError
   */
  async dial(name: string, options: DialOptions = {}): Promise<RouterStream> {
    const { metadata, signal } = options;
    const waitMs = wholeNumber("waitMs", options.waitMs ?? 30_000, 1, 2 ** 31 - 1);
    const request = { name, waitMs, features: [...ownFeatures], metadata: metadataToFields(Metadata.from(metadata)) };
    const deadline = Deadline.after(waitMs, this.#clock);
    const answer = await exchangeClient(this.#channels.get()).dial(request, {
      metadata: await this.#authorization(),
      deadline,
      signal,
    });
    return openRouterStream(this.#channels.get(answer.endpoint || undefined), {
      token: answer.token,
      peerFeatures: parseFeatures(answer.features),
      metadata: fieldsToMetadata(answer.metadata),
    });
  }

  /** The names that are listened to now, in order. @throws GrpcError UNAVAILABLE, UNAUTHENTICATED */
  async list({ signal }: WaitOptions = {}): Promise<ListedName[]> {
    const { listeners } = await exchangeClient(this.#channels.get()).list(
      {},
      { metadata: await this.#authorization(), signal },
    );
    return listeners.map(({ name, metadata, sinceUnixMs }) => {
      return { name, metadata: fieldsToMetadata(metadata), since: new Date(Number(sinceUnixMs)) };
    });
  }

  /** Closes the listeners, then the connections; streams that live have `closeTimeoutMs` (5,000) to end. Idempotent; never rejects. */
  async close(options?: Pick<CloseOptions, "closeTimeoutMs">): Promise<void> {
    await Promise.all(Array.from(this.#listeners, (listener) => listener.close()));
    await this.#channels.close(options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #authorization(): Promise<MetadataInit> {
    const { token } = this.#options;
    return { [authorizationKey]: bearer(typeof token === "string" ? token : await token()) };
  }
}
