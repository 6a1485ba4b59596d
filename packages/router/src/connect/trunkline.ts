/** A client of one exchange, through which its user listens, dials and lists names. */
import type tls from "node:tls";
import {
  type AbortSignalLike,
  type Clock,
  checkOptionNames,
  maxTimerMs,
  optionNames,
  wholeNumber,
} from "@trunkline/base";
import { systemClock } from "@trunkline/base/node";
import {
  type BackoffOptions,
  type CallOptions,
  type Channel,
  type Client,
  type ConnectTarget,
  Deadline,
  GrpcError,
  Status,
  type TlsOptions,
} from "@trunkline/grpc";
import { Metadata, type MetadataInit } from "@trunkline/metadata";
import type { CloseOptions, WaitOptions } from "@trunkline/streams";
import { RemoteRouterAdmin } from "../admin/client.js";
import type { RouterAdmin } from "../admin/router-admin.js";
import { type EndToEndOptions, resolveEndToEnd } from "../end-to-end/options.js";
import type { ExchangeService } from "../gen/trunkline/v1/exchange_pb.js";
import { type ResumeOptions, resolveResumeOptions, resumeOptionNames } from "../session/options.js";
import type { ResumptionEvent } from "../session/resumption.js";
import { defaultBufferedBytesPerConnection, routerHttp2 } from "../stream/connection-options.js";
import { exchangeFeatures } from "../stream/features.js";
import { fieldsToMetadata, metadataToFields } from "../stream/fields.js";
import {
  type LivenessOptions,
  livenessOptionNames,
  type ResolvedLiveness,
  resolveLiveness,
} from "../stream/liveness.js";
import type { RouterStream } from "../stream/router-stream.js";
import { authorizationKey, bearer } from "../token/bearer.js";
import { Channels } from "./channels.js";
import { adminClient, exchangeClient } from "./clients.js";
import { type Listener, type ListenerState, NameListener } from "./listener.js";
import { openInvited, secureInvited } from "./open-invited.js";
import { Sessions } from "./sessions.js";

/** Options of a client of an exchange. */
export interface TrunklineOptions extends LivenessOptions, ResumeOptions {
  /**
   * The endpoint of the exchange: `"host:port"`, `"dns:///host:port"`, `"unix:/path"`, `"wss://host/path"` (within a
   * WebSocket); or `{ connect }`, which makes the connections, as of a `Channel`.
   */
  readonly endpoint: string | ConnectTarget;
  /**
   * Further endpoints of the exchange, 15 at most, of routers with the same key: where one cannot be reached, the next
   * one is used, and streams that can be resumed go on there.
   */
  readonly endpoints?: readonly (string | ConnectTarget)[] | undefined;
  /**
   * The token for the exchange. A function is asked before each call, so that a token can be renewed. Default: none,
   * where a certificate in `tls` says who the client is.
   */
  readonly token?: string | (() => string | Promise<string>) | undefined;
  /**
   * TLS options, as of a `Channel`: TLS by default, except to loopback and Unix sockets. They hold for routers that the
   * exchange names, too. A function is asked for each new connection, so that certificates can change.
   */
  readonly tls?: tls.ConnectionOptions | TlsOptions | undefined;
  /** True connects without TLS, to any endpoint. */
  readonly plaintext?: boolean | undefined;
  /**
   * The proxy to the routers of TCP: a URL (`http`, `https`, `socks5`, `socks5h`), or `false` for none. Default: the
   * one that the environment names, as of a `Channel`. Unix sockets and `{ connect }` have none.
   */
  readonly proxy?: string | false | undefined;
  /** The waits between attempts to reconnect. Default for connections: 50 ms, doubling up to 2,000. */
  readonly backoff?: BackoffOptions | undefined;
  /**
   * The time without a byte from the router after which it is sent a PING, also while there are no streams; `Infinity`
   * for never. Default 20,000 ms: with `keepaliveTimeoutMs`, a dead connection is known within a minute.
   */
  readonly keepaliveIntervalMs?: number | undefined;
  /**
   * The time for the answer to that PING before the connection is given up and its streams break with UNAVAILABLE.
   * Default 35,000 ms: a network that stalls for half a minute and comes back loses nothing.
   */
  readonly keepaliveTimeoutMs?: number | undefined;
  /**
   * The bytes that may wait to be read on one connection. Default 134,217,728: the first
   * windows of 2,000 streams, so that those whose readers pause do not stop the others.
   */
  readonly maxBufferedBytesPerConnection?: number | undefined;
  /** The clock for all waits. Default: the system's. */
  readonly clock?: Clock | undefined;
}

/** Options of streams that may be resumed. */
export interface ResumableOptions {
  /**
   * True makes a stream that survives its router and the loss of its connection, where the other peer and the exchange
   * can do that. False: the stream breaks with the call that carries it. Default true.
   */
  readonly resume?: boolean | undefined;
  /** Called when the call that carries a stream is lost, and when another one carries it. */
  readonly onResumption?: ((event: ResumptionEvent) => void) | undefined;
}

/** Options of listening under a name. */
export interface ListenerOptions extends ResumableOptions {
  /**
   * TLS inside each stream: the router sees sizes and times only, and `accept` returns streams of diallers that both
   * have an identity and are trusted. A dialler without end-to-end TLS is refused, and reported by `onState` as missed.
   * Default: none, and diallers that ask for it are refused.
   */
  readonly endToEnd?: EndToEndOptions | undefined;
  /** Metadata for diallers, at their stream's `extra(streamMetadata)`, and for `list`. */
  readonly metadata?: MetadataInit | undefined;
  /** A signal that closes the listener. */
  readonly signal?: AbortSignalLike | undefined;
  /**
   * The number of streams that may wait for `accept`; one more is refused with RESOURCE_EXHAUSTED. Default 64, a burst.
   */
  readonly maxWaitingStreams?: number | undefined;
  /** The reason why streams should not come here yet, as of `setProblem` of the listener. Default: none. */
  readonly problem?: string | undefined;
  /** Called when the connection to the exchange is lost, when it is back, and with each other state. */
  readonly onState?: ((state: ListenerState) => void) | undefined;
}

/** Options of dialling a name. */
export interface DialOptions extends ResumableOptions {
  /**
   * TLS inside the stream: the router sees sizes and times only. `dial` then resolves when the listener has joined and
   * both sides have accepted each other. Default: none.
   */
  readonly endToEnd?: EndToEndOptions | undefined;
  /** Metadata for the listener, at its stream's `extra(streamMetadata)`. */
  readonly metadata?: MetadataInit | undefined;
  /** A signal that ends the dialling; it has no effect on the stream. */
  readonly signal?: AbortSignalLike | undefined;
  /**
   * The time for reaching the exchange, and then again for the other side to join. Default 30,000 ms, the longest time
   * that an exchange allows unless it was told otherwise.
   */
  readonly waitMs?: number | undefined;
}

/** The names of a client's options. */
export const trunklineOptionNames: ReadonlySet<string> = optionNames<TrunklineOptions>({
  ...livenessOptionNames,
  ...resumeOptionNames,
  endpoint: true,
  endpoints: true,
  token: true,
  tls: true,
  plaintext: true,
  proxy: true,
  backoff: true,
  keepaliveIntervalMs: true,
  keepaliveTimeoutMs: true,
  maxBufferedBytesPerConnection: true,
  clock: true,
});
/** The names of the options of listening. */
export const listenerOptionNames: ReadonlySet<string> = optionNames<ListenerOptions>({
  metadata: true,
  signal: true,
  maxWaitingStreams: true,
  problem: true,
  onState: true,
  resume: true,
  onResumption: true,
  endToEnd: true,
});
/** The names of the options of dialling. */
export const dialOptionNames: ReadonlySet<string> = optionNames<DialOptions>({
  metadata: true,
  signal: true,
  waitMs: true,
  resume: true,
  onResumption: true,
  endToEnd: true,
});

/** A name that has a listener. */
export interface ListedName {
  readonly name: string;
  readonly metadata: Metadata;
  readonly since: Date;
}

/** The most endpoints beside the first: each may be tried before a request fails. */
const maxFurtherEndpoints = 15;
/** The time for sessions to end when their client closes. */
const defaultCloseTimeoutMs = 5_000;
/** The time for reaching the exchange where the caller gives none. */
const defaultWaitMs = 30_000;
/**
 * The longest first attempt on a connection that was made before: an exchange answers in milliseconds, so its
 * connection is dead.
 */
const maxFirstAttemptMs = 10_000;

/** One request to the exchange, with the options of the attempt. */
type Request<Answer> = (client: Client<typeof ExchangeService>, options: CallOptions) => Promise<Answer>;
/** One request on a channel to the exchange, with the options of the attempt. */
type ChannelRequest<Answer> = (channel: Channel, options: CallOptions) => Promise<Answer>;

/**
 * A client of an exchange. It listens and dials over one connection an endpoint, which it keeps alive and makes anew
 * when it is lost.
 * ```ts
 * await using trunkline = new Trunkline({ endpoint, token });
 * const stream = await trunkline.dial("web");
 * ```
 */
export class Trunkline implements AsyncDisposable {
  /** The first endpoint of the exchange, for logs. */
  readonly endpoint: string;
  /** The view of the router for its operators. It takes the right `admin`. */
  readonly admin: RouterAdmin;
  readonly #options: TrunklineOptions;
  readonly #clock: Clock;
  readonly #channels: Channels;
  readonly #liveness: ResolvedLiveness;
  readonly #sessions: Sessions;
  readonly #listeners: Set<NameListener> = new Set();

  /**
   * Makes a client; it connects when it is first used. @throws TypeError for a malformed endpoint or token, RangeError
   * for a time out of its range
   */
  constructor(options: TrunklineOptions) {
    checkOptionNames("Trunkline", options, trunklineOptionNames);
    const { endpoint, endpoints = [], token, tls, plaintext, proxy, backoff, clock = systemClock } = options;
    // What a function will return, it alone knows.
    const showsCertificate = typeof tls === "function" || tls?.cert !== undefined || tls?.pfx !== undefined;
    const isKnown = token === undefined && showsCertificate;
    if (!isKnown && typeof token !== "function" && (typeof token !== "string" || token === "")) {
      throw new TypeError("a token is a string that is not empty, or a function that returns one");
    }
    if (!Array.isArray(endpoints))
      throw new TypeError(`endpoints must be an array of endpoints, not ${typeof endpoints}`);
    for (const each of [endpoint, ...endpoints])
      if (each === "" || each === undefined || each === null)
        throw new TypeError("the endpoint of an exchange must not be empty");
    if (endpoints.length > maxFurtherEndpoints)
      throw new RangeError(`endpoints has ${endpoints.length} items, more than ${maxFurtherEndpoints}`);
    this.endpoint = typeof endpoint === "string" ? endpoint : (endpoint.authority ?? "localhost");
    this.#options = options;
    this.#clock = clock;
    const { maxBufferedBytesPerConnection = defaultBufferedBytesPerConnection } = options;
    const { keepaliveIntervalMs = 20_000, keepaliveTimeoutMs = 35_000, pingIntervalMs, pingTimeoutMs } = options;
    this.#liveness = resolveLiveness({ pingIntervalMs, pingTimeoutMs });
    this.#channels = new Channels([endpoint, ...endpoints], {
      tls,
      plaintext,
      proxy,
      backoff: backoff ?? { initialMs: 50, multiplier: 2, maxMs: 2_000 },
      clock,
      keepaliveIntervalMs,
      keepaliveTimeoutMs,
      http2: routerHttp2(maxBufferedBytesPerConnection),
      // A connection that died while it was idle is replaced before the next dial needs it.
      keepaliveWithoutCalls: true,
    });
    this.admin = new RemoteRouterAdmin({
      ask: (request) => this.#askOn(defaultWaitMs, (channel, call) => request(adminClient(channel), call)),
      open: async (begin) => {
        const metadata = await this.#authorization();
        return begin(adminClient(await this.#channels.exchange(false)), { metadata });
      },
    });
    this.#sessions = new Sessions({
      ...resolveResumeOptions(options),
      ...this.#liveness,
      channels: this.#channels,
      clock,
      authorization: () => this.#authorization(),
    });
  }

  /**
   * Listens under a name: resolves when the exchange has confirmed it, and returns the streams of diallers. A
   * connection that is lost is made again, and the listener takes its name back. Another listener of the same identity
   * that takes the name ends this one.
   * @throws GrpcError UNAVAILABLE (no exchange answers), UNAUTHENTICATED (the token), ALREADY_EXISTS (a listener of
   * another identity has the name), INVALID_ARGUMENT (the name or the metadata), RESOURCE_EXHAUSTED; MetadataError
   */
  async listen(name: string, options: ListenerOptions = {}): Promise<Listener> {
    checkOptionNames("listen", options, listenerOptionNames);
    const { metadata, signal, onState, resume = true, onResumption, endToEnd } = options;
    const listener = new NameListener(name, {
      channels: this.#channels,
      sessions: this.#sessions,
      resume,
      endToEnd: endToEnd === undefined ? undefined : resolveEndToEnd(endToEnd),
      onResumption,
      authorization: () => this.#authorization(),
      metadata: Metadata.from(metadata).clone().freeze(),
      maxWaitingStreams: wholeNumber("maxWaitingStreams", options.maxWaitingStreams ?? 64, 0),
      problem: options.problem,
      onState,
      liveness: this.#liveness,
      backoff: this.#options.backoff,
      clock: this.#clock,
      onClosed: () => this.#listeners.delete(listener),
    });
    this.#listeners.add(listener);
    await listener.begin(signal);
    return listener;
  }

  /**
   * Dials a name: resolves when the stream is on its way. It does not wait for the other side; if that does not join
   * within `waitMs`, the stream breaks with DEADLINE_EXCEEDED.
   * @throws GrpcError NOT_FOUND (the name has no listener), UNAVAILABLE, UNAUTHENTICATED, INVALID_ARGUMENT,
   * DEADLINE_EXCEEDED; MetadataError; EndToEndError where `endToEnd` is given and the other side does not speak it, is
   * not trusted, or does not trust this one
   */
  async dial(name: string, options: DialOptions = {}): Promise<RouterStream> {
    checkOptionNames("dial", options, dialOptionNames);
    const { metadata, signal, resume = true, onResumption } = options;
    const endToEnd = options.endToEnd === undefined ? undefined : resolveEndToEnd(options.endToEnd);
    const waitMs = wholeNumber("waitMs", options.waitMs ?? defaultWaitMs, 1, maxTimerMs);
    const request = {
      name,
      waitMs,
      features: exchangeFeatures(resume, endToEnd !== undefined),
      metadata: metadataToFields(Metadata.from(metadata)),
    };
    const answer = await this.#ask(waitMs, (client, { metadata, deadline }) =>
      client.dial(request, { metadata, deadline, signal }),
    );
    const stream = await openInvited(answer, {
      channels: this.#channels,
      sessions: this.#sessions,
      liveness: this.#liveness,
      request,
      waitMs,
      onResumption,
    });
    if (stream === undefined) throw new GrpcError(Status.INTERNAL, "the exchange has named one session twice");
    return secureInvited(stream, answer, { role: "dial", name, endToEnd, signal });
  }

  /**
   * Returns the names that have a listener now, in order. @throws GrpcError UNAVAILABLE, UNAUTHENTICATED,
   * DEADLINE_EXCEEDED after 30 s
   */
  async list({ signal }: WaitOptions = {}): Promise<ListedName[]> {
    const { listeners } = await this.#ask(defaultWaitMs, (client, attempt) => client.list({}, { ...attempt, signal }));
    return listeners.map(({ name, metadata, sinceUnixMs }) => {
      return { name, metadata: fieldsToMetadata(metadata), since: new Date(Number(sinceUnixMs)) };
    });
  }

  /**
   * Makes a request within `waitMs`. A connection that was made before may be dead without any notice; the first
   * attempt on it gets a third of the time, and the rest goes to an attempt on a new one.
   */
  #ask<Answer>(waitMs: number, request: Request<Answer>): Promise<Answer> {
    return this.#askOn(waitMs, (channel, options) => request(exchangeClient(channel), options));
  }

  async #askOn<Answer>(waitMs: number, request: ChannelRequest<Answer>): Promise<Answer> {
    const deadline = Deadline.after(waitMs, this.#clock);
    const metadata = await this.#authorization();
    // After that wait: a channel that another request has retired meanwhile takes no more calls.
    const channel = await this.#channels.exchange(false);
    const isOld = channel.state === "READY";
    const first = isOld ? Deadline.after(Math.min(maxFirstAttemptMs, Math.ceil(waitMs / 3)), this.#clock) : deadline;
    try {
      return await request(channel, { metadata, deadline: first });
    } catch (error) {
      const isLate = error instanceof GrpcError && error.status === Status.DEADLINE_EXCEEDED;
      if (!isOld || !isLate || deadline.remainingMs <= 0) throw error;
    }
    this.#channels.retire(channel);
    const renewed = await this.#authorization();
    return request(await this.#channels.exchange(false), { metadata: renewed, deadline });
  }

  /**
   * Closes the listeners, then the connections; live streams have `closeTimeoutMs` (5,000) to end. Idempotent; never
   * rejects.
   */
  async close(options?: Pick<CloseOptions, "closeTimeoutMs">): Promise<void> {
    await Promise.all(Array.from(this.#listeners, (listener) => listener.close()));
    await this.#sessions.close(options?.closeTimeoutMs ?? defaultCloseTimeoutMs);
    await this.#channels.close(options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #authorization(): Promise<MetadataInit> {
    const { token } = this.#options;
    if (token === undefined) return {};
    return { [authorizationKey]: bearer(typeof token === "string" ? token : await token()) };
  }
}
