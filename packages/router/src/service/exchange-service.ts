/** trunkline.v1.ExchangeService: who listens under which name, and how those who dial it meet them. */
import { randomUUID } from "node:crypto";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { abortable, reasonText } from "@trunkline/base";
import { GrpcError, type Implementation, type ServerCall, Status } from "@trunkline/grpc";
import { BusyStreamError, type Clock } from "@trunkline/streams";
import type {
  DialRequest,
  DialResponseSchema,
  ExchangeService,
  ListenRequest,
  ListRequest,
  ListResponseSchema,
} from "../gen/trunkline/v1/exchange_pb.js";
import type { Fields } from "../gen/trunkline/v1/frames_pb.js";
import { EmbeddedRegistry } from "../registry/memory.js";
import { fieldsToMetadata } from "../stream/fields.js";
import { authenticate } from "../token/bearer.js";
import type { TokenMinter } from "../token/minter.js";
import type { TokenVerifier } from "../token/verifier.js";
import type { Reporter } from "./events.js";
import { type ListenCall, type ListenEvent, ListenerEntry } from "./listener-entry.js";
import { nameProblem } from "./name.js";

export interface ExchangeServiceOptions {
  readonly verifier: TokenVerifier;
  readonly minter: TokenMinter;
  /** Where peers are sent to; empty for the server that this service is part of. */
  readonly routerEndpoint: string;
  /** The longest that a dialling peer may wait for the other side, and what it does if it does not say. */
  readonly maxWaitMs: number;
  readonly maxListeners: number;
  /** Of the metadata of one listener or one dialler, keys and values. */
  readonly maxMetadataBytes: number;
  readonly heartbeatMs: number;
  readonly clock: Clock;
  unixNowMs(): number;
  readonly reporter: Reporter;
}

/** Features, each of at most so many characters; more cannot be meant. */
const maxFeatures = 32;
const maxFeatureChars = 32;

export class ExchangeServiceHandler {
  readonly implementation: Implementation<typeof ExchangeService> = {
    listen: { open: (call) => this.#listen(call) },
    dial: (request, call) => this.#reporting(call, () => this.#dial(request, call)),
    list: (request, call) => this.#reporting(call, () => this.#list(request, call)),
  };
  readonly #options: ExchangeServiceOptions;
  readonly #registry: EmbeddedRegistry<ListenerEntry>;
  #cancelHeartbeat: (() => void) | undefined;
  #closed = false;

  constructor(options: ExchangeServiceOptions) {
    this.#options = options;
    this.#registry = new EmbeddedRegistry(options.maxListeners);
  }

  /** Those who listen are told to come back later, elsewhere or to the next one here. */
  close(): void {
    this.#closed = true;
    this.#cancelHeartbeat?.();
    for (const entry of this.#registry.list()) entry.finish(closing());
  }

  async #reporting<T>(call: ServerCall<{}, never>, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof GrpcError && !call.signal.aborted) this.#options.reporter.refused(call, error);
      throw error;
    }
  }

  // Listening.

  async #listen(call: ListenCall): Promise<void> {
    const entry = await this.#reporting(call, () => this.#admit(call));
    call.signal.addEventListener("abort", () => entry.finish(), { once: true });
    if (call.signal.aborted) entry.finish();
    try {
      await call.send({ event: { case: "listening", value: { heartbeatMs: this.#options.heartbeatMs } } });
      await entry.over;
    } finally {
      this.#leave(entry);
    }
  }

  /** A listener that is in the registry. @throws GrpcError */
  async #admit(call: ListenCall): Promise<ListenerEntry> {
    const { verifier, unixNowMs, maxListeners, reporter } = this.#options;
    const { subject: identity } = await authenticate(call.metadata, verifier);
    const request = await call.receive();
    if (request === undefined) throw new GrpcError(Status.INVALID_ARGUMENT, "the request ended without its message");
    this.#check(request);
    const { name } = request;
    const entry = new ListenerEntry(identity, request, call, unixNowMs());
    const registered = this.#registry.register(entry);
    switch (registered.kind) {
      case "taken":
        throw new GrpcError(Status.ALREADY_EXISTS, `the name "${name}" is being listened to by somebody else`);
      case "full":
        throw new GrpcError(
          Status.RESOURCE_EXHAUSTED,
          `${maxListeners + 1} would listen, more than maxListeners (${maxListeners})`,
        );
      case "registered":
        registered.superseded?.finish(new GrpcError(Status.ABORTED, `another listener has taken the name "${name}"`));
        if (registered.superseded !== undefined) this.#told(registered.superseded, "superseded");
    }
    reporter.stats.listeners = this.#registry.size;
    reporter.tell({ kind: "listening", name, identity, peer: call.peer.address });
    this.#keepBeating();
    return entry;
  }

  #leave(entry: ListenerEntry): void {
    if (this.#registry.unregister(entry)) this.#told(entry, "left");
  }

  #told({ name, identity }: ListenerEntry, because: "left" | "superseded"): void {
    const { reporter } = this.#options;
    reporter.stats.listeners = this.#registry.size;
    reporter.tell({ kind: "unlistened", name, identity, because });
  }

  /** One timer for all who listen; without one, a way that a NAT has forgotten looks like a quiet one for ever. */
  #keepBeating(): void {
    const { clock, heartbeatMs } = this.#options;
    if (this.#cancelHeartbeat !== undefined || this.#closed || heartbeatMs === 0) return;
    this.#cancelHeartbeat = clock.at(
      clock.nowMs() + heartbeatMs,
      () => {
        this.#cancelHeartbeat = undefined;
        const entries = this.#registry.list();
        for (const entry of entries) entry.beat();
        if (entries.length > 0) this.#keepBeating();
      },
      "watch",
    );
  }

  // Dialling.

  async #dial(
    request: DialRequest,
    call: ServerCall<DialRequest, MessageInitShape<typeof DialResponseSchema>>,
  ): Promise<DialAnswer> {
    const { verifier, minter, routerEndpoint, maxWaitMs, reporter } = this.#options;
    const { subject: identity } = await authenticate(call.metadata, verifier);
    this.#check(request);
    const { name } = request;
    const entry = this.#registry.find(name);
    if (entry === undefined) throw new GrpcError(Status.NOT_FOUND, `nobody listens under the name "${name}"`);
    const stream = randomUUID();
    const lifetimeMs = request.waitMs === 0 ? maxWaitMs : Math.min(request.waitMs, maxWaitMs);
    const [listenToken, dialToken] = await Promise.all([
      minter.forStream(stream, "listen", lifetimeMs),
      minter.forStream(stream, "dial", lifetimeMs),
    ]);
    await this.#offer(entry, offerTo(request, routerEndpoint, listenToken), call);
    reporter.stats.dials += 1;
    reporter.tell({ kind: "dialled", name, identity, peer: call.peer.address, stream });
    return answerTo(entry.request, routerEndpoint, dialToken);
  }

  /** In step with the listener: one that does not take its offers holds up those who dial it, as long as they want to wait. */
  async #offer(entry: ListenerEntry, offer: ListenEvent, call: ServerCall<{}, never>): Promise<void> {
    try {
      await abortable(entry.call.send(offer), call.signal);
    } catch (error) {
      if (call.signal.aborted) throw error;
      const { name } = entry;
      if (error instanceof BusyStreamError) {
        throw new GrpcError(
          Status.RESOURCE_EXHAUSTED,
          `too many dial "${name}", faster than its listener takes the streams`,
        );
      }
      throw new GrpcError(Status.UNAVAILABLE, `the listener of "${name}" is gone: ${reasonText(error)}`);
    }
  }

  async #list(
    _request: ListRequest,
    call: ServerCall<{}, never>,
  ): Promise<MessageInitShape<typeof ListResponseSchema>> {
    await authenticate(call.metadata, this.#options.verifier);
    const listeners = this.#registry.list().map(({ name, request: { metadata }, sinceUnixMs }) => {
      return { name, sinceUnixMs: BigInt(Math.floor(sinceUnixMs)), ...(metadata === undefined ? {} : { metadata }) };
    });
    return { listeners };
  }

  /** @throws GrpcError for what cannot be listened to or dialled */
  #check({ name, features, metadata }: Pick<ListenRequest, "name" | "features" | "metadata">): void {
    if (this.#closed) throw closing();
    const problem = nameProblem(name);
    if (problem !== undefined) throw new GrpcError(Status.INVALID_ARGUMENT, problem);
    if (features.length > maxFeatures || features.some((feature) => feature.length > maxFeatureChars)) {
      throw new GrpcError(
        Status.INVALID_ARGUMENT,
        `features are at most ${maxFeatures} words of ${maxFeatureChars} characters`,
      );
    }
    this.#checkMetadata(metadata);
  }

  #checkMetadata(metadata: Fields | undefined): void {
    if (metadata === undefined) return;
    const { maxMetadataBytes } = this.#options;
    let bytes = 0;
    for (const { key, value } of metadata.fields) bytes += key.length + value.length;
    if (bytes > maxMetadataBytes) {
      throw new GrpcError(
        Status.INVALID_ARGUMENT,
        `metadata of ${bytes} bytes is larger than maxMetadataBytes (${maxMetadataBytes})`,
      );
    }
    try {
      fieldsToMetadata(metadata);
    } catch (error) {
      throw new GrpcError(Status.INVALID_ARGUMENT, reasonText(error));
    }
  }
}

type DialAnswer = MessageInitShape<typeof DialResponseSchema>;

/** What the listener is told of who dials. */
function offerTo({ features, metadata }: DialRequest, endpoint: string, token: string): ListenEvent {
  return {
    event: { case: "offer", value: { endpoint, token, features, ...(metadata === undefined ? {} : { metadata }) } },
  };
}

/** What the dialling peer is told of who listens. */
function answerTo({ features, metadata }: ListenRequest, endpoint: string, token: string): DialAnswer {
  return { endpoint, token, features, ...(metadata === undefined ? {} : { metadata }) };
}

function closing(): GrpcError {
  return new GrpcError(Status.UNAVAILABLE, "the exchange is closing");
}
