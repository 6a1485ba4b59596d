/**
 * A stream of bytes over one call of `RouterService.Stream`, seen from either of its ends. It joins its two directions
 * (`Outgoing` and `Incoming`), and knows nothing of how the call came about.
 *
 * A direction is complete only once the other side has its end *and* the proof that nothing is missing before
 * it. A peer that is known to give proofs has to; the end of a plain peer is taken as it is, and `extra(endProof)` says
 * which of the two it was.
 */
import { abortable, type Clock, checkOptionNames, optionNames, reasonText } from "@trunkline/base";
import type { GrpcError } from "@trunkline/grpc";
import { Metadata, type MetadataInit } from "@trunkline/metadata";
import {
  type AttributeKey,
  type Attributes,
  ClosedStreamError,
  type ReceivedMessage,
  type SendOptions,
  streamClock,
  streamMetadata,
  type WaitOptions,
} from "@trunkline/streams";
import { StreamLayer } from "@trunkline/streams/kit";
import type { Ping } from "../gen/trunkline/v1/frames_pb.js";
import { endProof } from "./end-proof.js";
import { type Features, featuresKey, ownFeaturesText } from "./features.js";
import { type Frame, RouterFrameType } from "./frame.js";
import { Incoming, type IncomingEvents } from "./incoming.js";
import { Liveness, type LivenessOptions, type LivenessSubject, livenessOptionNames } from "./liveness.js";
import { Outgoing, type OutgoingEvents } from "./outgoing.js";
import { abortError, encodeAbort, encodePing } from "./payloads.js";
import { type FrameCall, type FrameCarrier, PeerFeatures } from "./peer-features.js";
import { peerIdentity } from "./peer-identity.js";

/** Options of a router stream. */
export interface RouterStreamOptions extends LivenessOptions {
  /**
   * The features of the other side, where they are known beforehand. Default: what the metadata of the call says, if
   * and when that comes.
   */
  readonly peerFeatures?: Features | undefined;
  /** Metadata for the reader on this side, found with `extra(streamMetadata)`. It is not sent. */
  readonly metadata?: MetadataInit | undefined;
  /** The identity of the other side, found with `extra(peerIdentity)`. It is not sent. */
  readonly identity?: string | undefined;
}

const streamOptionNames = optionNames<RouterStreamOptions>({
  ...livenessOptionNames,
  peerFeatures: true,
  metadata: true,
  identity: true,
});

const ignore = (): void => {};

/** A time limit that never comes: 285,000 years. */
const unlimitedMs = Number.MAX_SAFE_INTEGER;

/** Makes a stream of a session, or of TLS inside a stream. Its users get it from `dial` and `listen`. */
export let streamOverSession: (carrier: FrameCarrier, options: RouterStreamOptions) => RouterStream;
/** Returns the time for which nothing has carried a stream, in milliseconds. */
export let detachedMsOf: (stream: RouterStream) => number;

/**
 * An `ObjectStream<Uint8Array>` over a call. Items keep their boundaries up to 64 KiB; empty ones stay. Metadata goes
 * with an item to peers that are known to understand `Fields`.
 *
 * At a client, `sendEof()` is GOAWAY and half-close. At a server, which cannot half-close, it is GOAWAY; status OK
 * follows when both directions have ended. It does not start the call before its first step, and never waits for
 * initial metadata: a router may send none before the first frame.
 */
export class RouterStream extends StreamLayer<Uint8Array, Uint8Array, Frame, Frame> {
  readonly #call: FrameCall | FrameCarrier;
  readonly #metadata: Metadata | undefined;
  readonly #identity: string | undefined;
  readonly #features: PeerFeatures;
  readonly #incoming: Incoming;
  readonly #outgoing: Outgoing;
  /** The check for life; undefined where the carrier, a session, has its own. */
  readonly #liveness: Liveness | undefined;
  /** True while an answer to a PING is on its way. */
  #answering = false;

  /**
   * Makes a stream of `call`.
   * @throws TypeError for something that is not a call of either side, RangeError for a time out of its range
   */
  constructor(call: FrameCall, options: RouterStreamOptions = {}) {
    checkCall(call);
    checkOptionNames("RouterStream", options, streamOptionNames);
    super(call);
    this.#call = call;
    this.#metadata = options.metadata === undefined ? undefined : Metadata.from(options.metadata).clone().freeze();
    this.#identity = options.identity;
    this.#features = new PeerFeatures(call, options.peerFeatures);
    const carrier = call as FrameCall | FrameCarrier;
    const proofs = carrier.role === "session" ? carrier.proofs : undefined;
    const incomingEvents: IncomingEvents = {
      onEnd: () => this.#onInputEnd(),
      onPing: (ping) => this.#onPing(ping),
      onAbort: (error) => this.#break(error),
      onCallFailed: (error) => this.#onCallFailed(error),
      onViolation: (error) => this.#onViolation(error),
    };
    this.#incoming = new Incoming(this.inner, this.#features, incomingEvents, proofs?.received);
    const outgoingEvents: OutgoingEvents = {
      onTornItem: (error) => this.abort(error),
      onEnd: () => this.#onOutputEnd(),
    };
    this.#outgoing = new Outgoing(this.inner, this.#features, outgoingEvents, proofs?.sent);
    this.#liveness = carrier.role === "session" ? undefined : new Liveness(this.#livenessSubject(), options);
    // The client learns our features only this way. A handler that has sent initial metadata already has said what
    // there is to say.
    if (call.role === "server" && this.peerFeatures.size > 0)
      call.sendInitialMetadata({ [featuresKey]: ownFeaturesText }).catch(ignore);
  }

  static {
    streamOverSession = (carrier, options) => new RouterStream(carrier as unknown as FrameCall, options);
    detachedMsOf = (stream) => (stream.#call.role === "session" ? stream.#call.detachedMs : 0);
  }

  /** The features that the other side is known to have by now. */
  get peerFeatures(): Features {
    return this.#features.current;
  }

  /**
   * Waits until the other side's features are known. Only a router that sends initial metadata when it has joined two
   * peers, as ours does, lets a client know them before the first frame; with any other one this may wait until that
   * comes.
   * @throws GrpcError when the call ends before
   */
  receivePeerFeatures(options?: WaitOptions): Promise<Features> {
    return this.#features.receive(options);
  }

  /**
   * Waits at a client until the router has joined both sides; nothing that is sent before reaches the other side for
   * certain. Our router tells a client by the call's initial metadata, any other one with its first frame. Resolves at
   * once at a server, whose call was joined to be one.
   * @throws GrpcError when the call ends before: DEADLINE_EXCEEDED if the other side did not come in time
   */
  async joined(options?: WaitOptions): Promise<void> {
    if (this.#call.role === "session") await abortable(this.#call.joined(), options?.signal);
    else if (this.#call.role === "client") await this.#call.receiveInitialMetadata(options);
  }

  override get carriesMetadata(): boolean {
    return this.#features.has("fields");
  }

  protected override get ownAttributes(): Attributes {
    const attributes = new Map<AttributeKey<unknown>, unknown>();
    if (this.#metadata !== undefined) attributes.set(streamMetadata, this.#metadata);
    if (this.#identity !== undefined) attributes.set(peerIdentity, this.#identity);
    if (this.#incoming.end !== undefined) attributes.set(endProof, this.#incoming.end);
    return attributes;
  }

  send(data: Uint8Array, options?: SendOptions): Promise<void> {
    return this.#outgoing.send(data, options);
  }

  receive(options?: WaitOptions): Promise<Uint8Array | undefined> {
    this.#startLiveness();
    return this.#incoming.take(options).then((message) => message?.data);
  }

  override receiveWithMetadata(options?: WaitOptions): Promise<ReceivedMessage<Uint8Array> | undefined> {
    this.#startLiveness();
    return this.#incoming.take(options);
  }

  protected override endOutput(): Promise<void> {
    return this.#outgoing.end();
  }

  async #onOutputEnd(): Promise<void> {
    if (this.#call.role !== "server" || this.#incoming.end !== undefined) await this.inner.sendEof();
  }

  #onInputEnd(): void {
    this.#liveness?.stop();
    // At a server both directions have ended now, and the call with them.
    if (this.#outgoing.ended && this.#call.role === "server") this.inner.sendEof().catch(ignore);
  }

  #onPing({ id, answer }: Ping): void {
    if (answer) this.#liveness?.onAnswer(id);
    // One answer at a time: a peer that asks faster than it takes the answers gets fewer.
    if (answer || this.#answering || !this.#features.has("ping")) return;
    this.#answering = true;
    const answered = (): void => {
      this.#answering = false;
    };
    this.#outgoing.sendControl(RouterFrameType.PING, encodePing({ id, answer: true })).then(answered, answered);
  }

  /** Breaks the stream because of what the other side has sent, and tells it so. */
  #onViolation(error: GrpcError): void {
    this.#sendAbort(error);
    this.#break(error);
  }

  #onCallFailed(error: Error): void {
    this.#liveness?.stop();
    this.#outgoing.fail(error);
  }

  #break(error: Error): void {
    this.#liveness?.stop();
    this.#incoming.fail(error);
    this.#outgoing.fail(error);
    this.inner.abort(error);
  }

  #sendAbort(error: GrpcError): void {
    if (this.#features.has("abort"))
      this.#outgoing.sendControl(RouterFrameType.RST_STREAM, encodeAbort(error)).catch(ignore);
  }

  override abort(reason?: unknown): void {
    // The end of a session has gone out for certain only once the other side has acknowledged it.
    const outputEnded = this.#call.role === "session" ? this.eofSent : this.#outgoing.ended;
    if (outputEnded && this.#incoming.endTaken) return;
    const closed = new ClosedStreamError(
      reason === undefined ? "the stream was aborted" : `the stream was aborted: ${reasonText(reason)}`,
    );
    this.#liveness?.stop();
    this.#outgoing.fail(closed);
    this.#incoming.close(closed);
    const error = abortError(reason);
    this.#sendAbort(error);
    this.inner.abort(error);
  }

  // Liveness.

  #startLiveness(): void {
    const liveness = this.#liveness;
    if (liveness === undefined || liveness.hasStarted || this.#incoming.isOver) return;
    const clock = this.inner.extra(streamClock);
    if (clock !== undefined) liveness.start(clock);
  }

  #livenessSubject(): LivenessSubject {
    const [incoming, outgoing, features] = [this.#incoming, this.#outgoing, this.#features];
    return {
      get framesReceived() {
        return incoming.framesReceived;
      },
      get dataFramesSent() {
        return outgoing.dataFramesSent;
      },
      get isAskable() {
        return incoming.isReading && outgoing.isIdle && features.has("ping");
      },
      get isOver() {
        return incoming.isOver || outgoing.ended;
      },
      ask: (id) => {
        outgoing.sendControl(RouterFrameType.PING, encodePing({ id, answer: false })).catch(ignore);
      },
      onGone: (error) => this.#onViolation(error),
    };
  }

  /** The clock of `closeTimeoutMs`, which stands still while nothing carries a session. */
  protected override get closingClock(): Clock | undefined {
    const clock = this.extra(streamClock);
    const carrier = this.#call;
    return clock === undefined || carrier.role !== "session" ? clock : pausing(clock, () => carrier.detachedMs);
  }

  protected override async discardInput(eofSent: Promise<void>): Promise<void> {
    await this.#incoming.discard();
    await eofSent;
    // The rest of the call is its status, which comes when the other side has read everything. A limit would cancel
    // what still waits for a slow reader; the connection's keepalive notices a router that is dead.
    this.inner.close({ closeTimeoutMs: unlimitedMs }).catch(ignore);
  }
}

/** Returns a clock whose appointments come later by the time for which the stream is detached meanwhile. */
function pausing(clock: Clock, detachedMs: () => number): Clock {
  return {
    nowMs: () => clock.nowMs(),
    at(atMs, callback, kind) {
      const before = detachedMs();
      let pausedMs = 0;
      let cancel = (): void => {};
      const onDue = (): void => {
        const morePausedMs = detachedMs() - before - pausedMs;
        pausedMs += morePausedMs;
        if (morePausedMs > 0) cancel = clock.at(atMs + pausedMs, onDue, kind);
        else callback();
      };
      cancel = clock.at(atMs, onDue, kind);
      return () => cancel();
    },
  };
}

function checkCall(call: FrameCall | FrameCarrier): void {
  const { role, send, receive } = (call ?? {}) as Partial<FrameCall | FrameCarrier>;
  if (
    (role === "client" || role === "server" || role === "session") &&
    typeof send === "function" &&
    typeof receive === "function"
  )
    return;
  throw new TypeError("a RouterStream is made of a ClientCall or a ServerCall");
}
