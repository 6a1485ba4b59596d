/** trunkline.v1.ExchangeService: its methods, by which listeners take names and are offered the streams of diallers. */
import { randomUUID } from "node:crypto";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { reasonText } from "@trunkline/base";
import { GrpcError, type Implementation, type ServerCall, Status } from "@trunkline/grpc";
import type {
  AttachRequest,
  AttachResponseSchema,
  DialRequest,
  DialResponseSchema,
  ExchangeService,
  LeaveRequest,
  ListenRequest,
  ListRequest,
  ListResponseSchema,
  OfferSchema,
  ReportRequest,
  Resumption,
} from "../gen/trunkline/v1/exchange_pb.js";
import type { Fields } from "../gen/trunkline/v1/frames_pb.js";
import type { Caller } from "../policy/access.js";
import { OfferRecord, offerPatienceMs } from "../registry/offer-record.js";
import type { StreamTable } from "../registry/streams.js";
import type { Role } from "../rendezvous.js";
import { resumeFeature } from "../stream/features.js";
import { fieldsToMetadata } from "../stream/fields.js";
import { peerIdOf } from "../stream/peer-key.js";
import type { TokenMinter } from "../token/minter.js";
import type { Ticket } from "../token/verifier.js";
import { type Callers, onlyMessage, refuseIf } from "./callers.js";
import { inOrder } from "./exposer-order.js";
import { type ListenCall, type ListenEvent, ListenerEntry } from "./listener-entry.js";
import { unhealthy } from "./listener-health.js";
import { Listeners, type ListenersOptions } from "./listeners.js";
import { nameProblem } from "./name.js";
import type { SessionSide, SessionTickets } from "./session-tickets.js";
import { shownMetadata } from "./shown-metadata.js";

export interface ExchangeServiceOptions extends ListenersOptions {
  readonly callers: Callers;
  readonly minter: TokenMinter;
  readonly tickets: SessionTickets;
  /** The streams that were dialled here. */
  readonly streams: StreamTable;
  /** The endpoint that peers are sent to; empty for the server that this service is part of. */
  readonly routerEndpoint: string;
  /** The longest time that a dialler may wait for the listener, and the time that it gets if it asks for none. */
  readonly maxWaitMs: number;
  /** The number of dials that may wait for one listener. */
  readonly maxWaitingDials: number;
  /** The largest metadata of one listener or one dialler: the bytes of its keys and values. */
  readonly maxMetadataBytes: number;
  unixNowMs(): number;
}

/** The number of features that a peer may name, and the length of each: several times as many as there are. */
const maxFeatures = 32;
const maxFeatureChars = 32;

type DialAnswer = Exclude<MessageInitShape<typeof DialResponseSchema>, { readonly $typeName: string }>;
type OfferInit = Exclude<MessageInitShape<typeof OfferSchema>, { readonly $typeName: string }>;
type AttachAnswer = MessageInitShape<typeof AttachResponseSchema>;
type ListAnswer = MessageInitShape<typeof ListResponseSchema>;

/**
 * The methods of the exchange. Each authenticates its caller from the headers alone, before it takes a message.
 */
export class ExchangeServiceHandler {
  readonly implementation: Implementation<typeof ExchangeService> = {
    listen: { open: (call) => this.#listen(call) },
    dial: { open: (call) => this.#callers.answer(call, (caller, request) => this.#dial(caller, request, call)) },
    list: { open: (call) => this.#callers.answer(call, (caller, _request: ListRequest) => this.#list(caller)) },
    attach: { open: (call) => this.#callers.answer(call, (caller, request) => this.#attach(caller, request, call)) },
    report: { open: (call) => this.#callers.answer(call, (caller, request) => this.#report(caller, request, call)) },
    leave: {
      open: (call) => this.#callers.answer(call, (caller, request: LeaveRequest) => this.#leave(caller, request)),
    },
  };
  readonly #options: ExchangeServiceOptions;
  readonly #callers: Callers;
  readonly listeners: Listeners;
  /** The number of offers so far. */
  #turns = 0;
  #closed = false;

  constructor(options: ExchangeServiceOptions) {
    this.#options = options;
    this.#callers = options.callers;
    this.listeners = new Listeners(options);
  }

  /** Ends all listeners with UNAVAILABLE, so that they come back later, here or elsewhere. */
  close(): void {
    this.#closed = true;
    this.listeners.close(closing);
  }

  // Listening.

  async #listen(call: ListenCall): Promise<void> {
    const entry = await this.#callers.reporting(call, () => this.#admit(call));
    call.signal.addEventListener("abort", () => entry.finish(), { once: true });
    if (call.signal.aborted) entry.finish();
    try {
      await call.send({ event: { case: "listening", value: { heartbeatMs: this.#options.heartbeatMs } } });
      await entry.over;
    } finally {
      this.listeners.remove(entry, "left");
    }
  }

  /** Returns a listener that was taken in. @throws GrpcError */
  async #admit(call: ListenCall): Promise<ListenerEntry> {
    const { access, unixNowMs, maxWaitingDials } = this.#options;
    const caller = await this.#callers.callerOf(call);
    const request = await onlyMessage(call);
    this.#check(request);
    refuseIf(access.listenRefusal(caller, request.name));
    const entry = new ListenerEntry(caller, request, call, unixNowMs(), maxWaitingDials);
    this.listeners.register(entry);
    return entry;
  }

  // Dialling.

  async #dial(caller: Caller, request: DialRequest, call: ServerCall<DialRequest, DialAnswer>): Promise<DialAnswer> {
    const { access, clock } = this.#options;
    this.#check(request);
    const { name } = request;
    refuseIf(access.dialRefusal(caller, name));
    this.#checkStreams(caller);
    const sharing = access.sharingOf(name);
    const all = this.listeners.find(name);
    const entries = all.filter(({ health }) => health.problem === undefined);
    if (all.length > 0 && entries.length === 0)
      throw unhealthy(
        name,
        all.map(({ health }) => health.problem ?? ""),
      );
    const inTurn = sharing === undefined ? entries : inOrder(entries, sharing.exposers, clock.nowMs());
    let failure: GrpcError | undefined;
    for (const [index, entry] of inTurn.entries()) {
      try {
        return await this.#dialAt(entry, caller, request, call, index === inTurn.length - 1);
      } catch (error) {
        if (call.signal.aborted || !(error instanceof GrpcError)) throw error;
        failure = error;
      }
    }
    throw failure ?? new GrpcError(Status.NOT_FOUND, `there is no listener under the name "${name}"`);
  }

  /** Offers a new stream to one listener; `isLast` waits for it as long as the dialler does. */
  async #dialAt(
    entry: ListenerEntry,
    caller: Caller,
    request: DialRequest,
    call: ServerCall<DialRequest, DialAnswer>,
    isLast: boolean,
  ): Promise<DialAnswer> {
    const { minter, routerEndpoint, maxWaitMs, reporter, streams, unixNowMs } = this.#options;
    const { name, identity: listener } = entry;
    const stream = randomUUID();
    const lifetimeMs = request.waitMs === 0 ? maxWaitMs : Math.min(request.waitMs, maxWaitMs);
    this.#addStream(stream, caller, entry, { lifetimeMs, metadata: request.metadata });
    const isSession = request.features.includes(resumeFeature) && entry.request.features.includes(resumeFeature);
    const attempt = isSession ? 1 : undefined;
    const startedAtUnixMs = unixNowMs();
    const ticket: Ticket = { name, dialler: caller.identity, listener, peerId: entry.peerId, startedAtUnixMs };
    const resumption = (role: Role): Resumption | undefined =>
      isSession ? this.#options.tickets.resumption(stream, role, ticket) : undefined;
    const listenToken = minter.forStream(stream, "listen", lifetimeMs, attempt);
    const dialToken = minter.forStream(stream, "dial", lifetimeMs, attempt);
    this.#turns += 1;
    entry.lastTurn = this.#turns;
    const offer = offerTo(request, caller.identity, routerEndpoint, listenToken, resumption("listen"));
    await this.#offer(entry, offer, call, isLast).catch((error: unknown) => {
      streams.ended(stream);
      throw error;
    });
    // A router elsewhere does not say whether the peers come, and silence must not count against the listener.
    if (routerEndpoint !== "") streams.ended(stream);
    const { identity } = caller;
    reporter.stats.dials += 1;
    reporter.tell({ kind: "dialled", name, listener, identity, peer: call.peer.address, stream });
    return answerTo(entry.request, routerEndpoint, dialToken, resumption("dial"));
  }

  async #report(caller: Caller, { name, health }: ReportRequest, call: ServerCall<{}, {}>): Promise<{}> {
    if (this.#closed) throw closing();
    const { identity } = caller;
    const entry = this.listeners.exposerOf({ name, listener: identity, peerId: peerIdOf(call.metadata) });
    if (entry === undefined) throw new GrpcError(Status.NOT_FOUND, "this peer does not listen under the name here");
    if (entry.health.tell(health, this.#options.clock.nowMs())) this.listeners.tellHealth(entry);
    return {};
  }

  // Coming back to a session.

  async #attach(
    caller: Caller,
    request: AttachRequest,
    call: ServerCall<AttachRequest, AttachAnswer>,
  ): Promise<AttachAnswer> {
    if (this.#closed) throw closing();
    const { tickets } = this.#options;
    const side = await tickets.read(request.ticket, caller);
    const answer = tickets.wayFor(side, request);
    if (request.attempt === 0) return answer;
    if (this.#options.routerEndpoint === "") this.#keepStream(side, caller);
    if (request.again !== undefined && side.role === "dial") await this.#offerAgain(side, request.again, call);
    return answer;
  }

  /** Takes a session that comes back into the table of streams, unless it is there. @throws GrpcError */
  #keepStream(side: SessionSide, caller: Caller): void {
    const { streams, maxWaitMs, unixNowMs } = this.#options;
    const { session, name, dialler, listener, role, startedAtUnixMs } = side;
    if (streams.find(session) !== undefined) return;
    if (role === "dial") this.#checkStreams(caller);
    const other = (identity: string): Caller =>
      identity === caller.identity ? caller : { identity, tokenId: undefined };
    const entry = this.listeners.exposerOf(side);
    this.#addStream(
      session,
      other(dialler),
      { name, caller: other(listener), record: entry?.record ?? new OfferRecord() },
      { lifetimeMs: maxWaitMs, ageMs: unixNowMs() - startedAtUnixMs },
    );
  }

  /** Offers a session again whose first offer may be lost with the router that made it. @throws GrpcError */
  async #offerAgain(
    side: SessionSide,
    request: DialRequest,
    call: ServerCall<AttachRequest, AttachAnswer>,
  ): Promise<void> {
    this.#check({ ...request, name: side.name });
    const entry = this.listeners.exposerOf(side);
    if (entry === undefined)
      throw new GrpcError(Status.UNAVAILABLE, `the listener of "${side.name}" is not here, or not yet`);
    const { minter, tickets, routerEndpoint, maxWaitMs } = this.#options;
    const token = minter.forStream(side.session, "listen", maxWaitMs, 1);
    const resumption = tickets.resumption(side.session, "listen", side);
    await this.#offer(entry, offerTo(request, side.dialler, routerEndpoint, token, resumption), call, true);
  }

  async #leave(caller: Caller, request: LeaveRequest): Promise<{}> {
    const { tickets, streams } = this.#options;
    const side = await tickets.read(request.ticket, caller);
    tickets.leave(side, request);
    streams.ended(side.session);
    return {};
  }

  /** Refuses one stream more than the identity may dial. @throws GrpcError */
  #checkStreams({ identity }: Caller): void {
    const { access, streams, clock } = this.#options;
    const { maxStreams } = access.limitsOf(identity);
    if (streams.dialledBy(identity, clock.nowMs()) < maxStreams) return;
    throw new GrpcError(
      Status.RESOURCE_EXHAUSTED,
      `this identity has as many streams as the policy lets it dial (maxStreams, ${maxStreams})`,
    );
  }

  /** Takes the stream into the table. @throws GrpcError where that has no room for it */
  #addStream(
    stream: string,
    dialler: Caller,
    entry: Pick<ListenerEntry, "name" | "caller" | "record">,
    about: { readonly lifetimeMs: number; readonly ageMs?: number; readonly metadata?: Fields | undefined },
  ): void {
    const { streams, clock } = this.#options;
    const { name, caller: listener, record } = entry;
    const { lifetimeMs, ageMs = 0 } = about;
    const nowMs = clock.nowMs();
    const metadata = shownMetadata(about.metadata);
    const dialled = { stream, name, dialler, listener, record, startedAtMs: nowMs - ageMs, metadata };
    if (streams.add(dialled, nowMs + lifetimeMs, nowMs)) return;
    throw new GrpcError(
      Status.RESOURCE_EXHAUSTED,
      "as many streams as maxRememberedStreams allows were dialled and wait for their peers",
    );
  }

  /**
   * Waits until the listener takes the offer: one that takes none holds up its diallers for as long as they want to
   * wait, unless another one shares its name.
   */
  async #offer(entry: ListenerEntry, offer: ListenEvent, call: ServerCall<{}, {}>, isLast: boolean): Promise<void> {
    const patience = isLast ? undefined : this.#patience();
    try {
      await entry.offer(offer, patience === undefined ? call.signal : AbortSignal.any([call.signal, patience.signal]));
    } catch (error) {
      if (call.signal.aborted || (error instanceof GrpcError && error.status === Status.RESOURCE_EXHAUSTED))
        throw error;
      throw new GrpcError(Status.UNAVAILABLE, `the listener of "${entry.name}" is gone: ${reasonText(error)}`);
    } finally {
      patience?.cancel();
    }
  }

  /** Returns a signal that fires when a listener has taken no offer for too long. */
  #patience(): { readonly signal: AbortSignal; cancel(): void } {
    const { clock } = this.#options;
    const controller = new AbortController();
    const onLate = (): void => controller.abort(new Error(`it took no offer for ${offerPatienceMs} ms`));
    const cancel = clock.at(clock.nowMs() + offerPatienceMs, onLate, "watch");
    return { signal: controller.signal, cancel };
  }

  /** Returns the names that the caller may dial or listen under. */
  async #list(caller: Caller): Promise<ListAnswer> {
    const { access } = this.#options;
    const isVisible = ({ name }: ListenerEntry): boolean =>
      access.dialRefusal(caller, name) === undefined || access.listenRefusal(caller, name) === undefined;
    const visible = this.listeners.firsts().filter(isVisible);
    const listeners = visible.map(({ name, request: { metadata }, sinceUnixMs }) => {
      return { name, sinceUnixMs: BigInt(Math.floor(sinceUnixMs)), ...(metadata === undefined ? {} : { metadata }) };
    });
    return { listeners };
  }

  /** @throws GrpcError for a request that cannot be listened to or dialled with */
  #check({ name, features, metadata }: Pick<ListenRequest, "name" | "features" | "metadata">): void {
    if (this.#closed) throw closing();
    const problem = nameProblem(name);
    if (problem !== undefined) throw new GrpcError(Status.INVALID_ARGUMENT, problem);
    if (features.length > maxFeatures)
      throw new GrpcError(Status.INVALID_ARGUMENT, `${features.length} features are more than ${maxFeatures}`);
    const long = features.find((feature) => feature.length > maxFeatureChars);
    if (long !== undefined) {
      throw new GrpcError(
        Status.INVALID_ARGUMENT,
        `a feature of ${long.length} characters is longer than ${maxFeatureChars}`,
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

/** Returns what the listener is told about a dialler. */
function offerTo(
  { features, metadata }: DialRequest,
  identity: string,
  endpoint: string,
  token: string,
  resumption: Resumption | undefined,
): ListenEvent {
  const value: OfferInit = { endpoint, token, features, identity };
  if (metadata !== undefined) value.metadata = metadata;
  if (resumption !== undefined) value.resumption = resumption;
  return { event: { case: "offer", value } };
}

/** Returns what the dialler is told about the listener. */
function answerTo(
  { features, metadata }: ListenRequest,
  endpoint: string,
  token: string,
  resumption: Resumption | undefined,
): DialAnswer {
  const answer: DialAnswer = { endpoint, token, features };
  if (metadata !== undefined) answer.metadata = metadata;
  if (resumption !== undefined) answer.resumption = resumption;
  return answer;
}

function closing(): GrpcError {
  return new GrpcError(Status.UNAVAILABLE, "the exchange is closing");
}
