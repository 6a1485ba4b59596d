/**
 * A stream of bytes over one call of `RouterService.Stream`, seen from either of its ends. It knows frames and proofs, and nothing of how the
 * call came about.
 *
 * What has been sent is a whole only once the other side has its end *and* the proof that nothing is missing before it. A peer that is known
 * to give proofs has to; a plain one's word is taken as it is, and `extra(endProof)` says which of the two it was.
 */

import { reasonText } from "@trunkline/base";
import { type ClientCall, GrpcError, type ServerCall, Status } from "@trunkline/grpc";
import { Metadata, type MetadataInit } from "@trunkline/metadata";
import {
  type AttributeKey,
  type Attributes,
  attribute,
  ClosedStreamError,
  type ReceivedMessage,
  type SendOptions,
  streamMetadata,
  type WaitOptions,
} from "@trunkline/streams";
import { metadataRefusal, ReceiveQueue, SendQueue, type Sink, StreamLayer } from "@trunkline/streams/kit";
import { type Features, featuresKey, noFeatures, ownFeaturesText, parseFeatures } from "./features.js";
import { type Frame, FrameType } from "./frame.js";
import {
  abortError,
  decodeAbort,
  decodeEnd,
  decodeFields,
  decodePing,
  encodeAbort,
  encodeEnd,
  encodeFields,
  encodePing,
} from "./payloads.js";
import { Proof } from "./proof.js";

/** A call of either side whose messages are frames, as one of `RouterService.Stream` is. */
export type FrameCall = ClientCall<Frame, Frame> | ServerCall<Frame, Frame>;

export interface RouterStreamOptions {
  /** What the other side understands, where that is known beforehand. Default: what it says in the metadata of the call, if and when that comes. */
  readonly peerFeatures?: Features | undefined;
  /** Found with `extra(streamMetadata)`; stays on this side. */
  readonly metadata?: MetadataInit | undefined;
}

/**
 * How sure it is that a direction is complete. `"verified"`: count and checksum agree. `"declared"`: a plain peer sent GOAWAY, which some also
 * send after a failure. `"bare"`: a plain peer ended its half, or the call with OK, without a word.
 */
export type EndProof = "verified" | "declared" | "bare";

/** How sure the end is that this side has received; absent until it has come. */
export const endProof: AttributeKey<EndProof> = attribute("endProof");

/**
 * The largest payload of a frame; larger items are cut. What sockets give in one piece goes out in one piece, and a frame never needs more
 * than about one initial window, so that the router need not hold more of a stream.
 */
export const maxFramePayloadBytes = 65_536;

interface Outgoing {
  readonly data: Uint8Array;
  /** Encoded metadata, for a HEADERS frame ahead of the data. */
  readonly fields: Uint8Array | undefined;
  readonly options: WaitOptions | undefined;
  /** Settles when all its frames have been accepted; set when their turn comes. */
  sent: Promise<void> | undefined;
}

const nothing = (): void => {};

/**
 * `ObjectStream<Uint8Array>` over a call. Items keep their boundaries up to 64 KiB; empty ones stay. Metadata goes with an item to peers that
 * are known to understand `Fields`.
 *
 * At a client, `sendEof()` is GOAWAY and half-close. At a server, which cannot half-close, it is GOAWAY; status OK follows when both directions
 * have ended. It does not start the call before its first step, and never waits for initial metadata: a router may send none before the first frame.
 * @throws TypeError for something that is not a call of either side
 */
export class RouterStream extends StreamLayer<Uint8Array, Uint8Array, Frame, Frame> implements Sink<Outgoing> {
  readonly #call: FrameCall;
  readonly #metadata: Metadata | undefined;
  #peerFeatures: Features | undefined;
  readonly #incoming: ReceiveQueue<ReceivedMessage<Uint8Array>> = new ReceiveQueue();
  readonly #outgoing: SendQueue<Outgoing> = new SendQueue(this);
  readonly #received: Proof = new Proof();
  readonly #sent: Proof = new Proof();
  /** The item whose frames are being given to the call. */
  #sending: Promise<void> | undefined;
  /** Metadata that has come for the next DATA. */
  #fields: Metadata | undefined;
  /** A frame is being waited for. */
  #reading = false;
  #inputEnd: EndProof | undefined;
  /** DATA that came behind a plain peer's end. */
  #late: ReceivedMessage<Uint8Array> | undefined;
  #outputEnded = false;
  /** The call gives nothing more. */
  #callOver = false;
  #answering = false;

  constructor(call: FrameCall, options: RouterStreamOptions = {}) {
    checkCall(call);
    super(call);
    this.#call = call;
    this.#metadata = options.metadata === undefined ? undefined : Metadata.from(options.metadata).clone().freeze();
    this.#peerFeatures = options.peerFeatures;
    // The client learns ours only this way. Who has sent initial metadata already has said what there is to say.
    if (call.role === "server" && this.peerFeatures.size > 0)
      call.sendInitialMetadata({ [featuresKey]: ownFeaturesText }).catch(nothing);
  }

  /** What the other side is known to understand by now. */
  get peerFeatures(): Features {
    if (this.#peerFeatures !== undefined) return this.#peerFeatures;
    const metadata = this.#call.role === "server" ? this.#call.metadata : this.#call.initialMetadata;
    if (metadata === undefined) return noFeatures;
    this.#peerFeatures = parseFeatures(metadata.get(featuresKey));
    return this.#peerFeatures;
  }

  /**
   * Waits until the other side's features are known. Only a router that sends initial metadata when it has joined two peers, as ours does, lets a
   * client know them before the first frame; with any other one this may wait as long.
   */
  async receivePeerFeatures(options?: WaitOptions): Promise<Features> {
    if (this.#peerFeatures === undefined && this.#call.role === "client")
      await this.#call.receiveInitialMetadata(options);
    return this.peerFeatures;
  }

  override get carriesMetadata(): boolean {
    return this.peerFeatures.has("fields");
  }

  protected override get ownAttributes(): Attributes {
    const attributes = new Map<AttributeKey<unknown>, unknown>();
    if (this.#metadata !== undefined) attributes.set(streamMetadata, this.#metadata);
    if (this.#inputEnd !== undefined) attributes.set(endProof, this.#inputEnd);
    return attributes;
  }

  // Sending.

  send(data: Uint8Array, options?: SendOptions): Promise<void> {
    let fields: Uint8Array | undefined;
    try {
      checkBytes(data);
      const refusal = this.carriesMetadata
        ? undefined
        : metadataRefusal("a router stream whose other side is not known to understand Fields", options);
      if (refusal !== undefined) return Promise.reject(refusal);
      const metadata = options?.metadata === undefined ? Metadata.empty : Metadata.from(options.metadata);
      if (metadata.size > 0) fields = encodeFields(metadata);
    } catch (error) {
      return Promise.reject(error);
    }
    const item: Outgoing = {
      data,
      fields,
      options: options?.signal === undefined ? undefined : { signal: options.signal },
      sent: undefined,
    };
    const accepted = this.#outgoing.send(item, options);
    return item.sent ?? accepted.then(() => item.sent);
  }

  hasRoom(): boolean {
    return this.#sending === undefined;
  }

  accept(item: Outgoing): void {
    const simple = item.fields === undefined && item.data.length <= maxFramePayloadBytes;
    const sent = (simple ? this.#sendData(item.data, item.options) : this.#sendFrames(item)).then(
      () => {
        this.#sending = undefined;
        this.#outgoing.flush();
      },
      (error: unknown) => {
        this.#sending = undefined;
        // A wait that its signal has ended is no failure of the stream: nothing of the item has gone out.
        if (item.options?.signal?.aborted) this.#outgoing.flush();
        else this.#outgoing.fail(error as Error);
        throw error;
      },
    );
    // Who does not await a send learns from every other step that the stream has failed.
    sent.catch(nothing);
    this.#sending = sent;
    item.sent = sent;
  }

  /** Counted when it was accepted: one that was cancelled before is not part of what has to arrive. */
  #sendData(payload: Uint8Array, options: WaitOptions | undefined): Promise<void> {
    return this.inner.send({ payload, frameType: FrameType.DATA }, options).then(() => this.#sent.add(payload));
  }

  async #sendFrames({ data, fields, options }: Outgoing): Promise<void> {
    let begun = false;
    try {
      if (fields !== undefined) {
        await this.inner.send({ payload: fields, frameType: FrameType.HEADERS }, options);
        begun = true;
      }
      let offset = 0;
      do {
        await this.#sendData(data.subarray(offset, offset + maxFramePayloadBytes), options);
        begun = true;
        offset += maxFramePayloadBytes;
      } while (offset < data.length);
    } catch (error) {
      if (begun) this.abort(error); // half an item must not be followed by another
      throw error;
    }
  }

  protected override endOutput(): Promise<void> {
    return this.#outgoing.end();
  }

  async end(): Promise<void> {
    await this.#sending;
    await this.inner.send({ payload: encodeEnd(this.#sent), frameType: FrameType.GOAWAY });
    this.#outputEnded = true;
    if (this.#call.role === "client" || this.#inputEnd !== undefined) await this.inner.sendEof();
  }

  // Receiving.

  receive(options?: WaitOptions): Promise<Uint8Array | undefined> {
    return this.receiveWithMetadata(options).then((message) => message?.data);
  }

  override receiveWithMetadata(options?: WaitOptions): Promise<ReceivedMessage<Uint8Array> | undefined> {
    const late = this.#late;
    if (late !== undefined && this.#incoming.endTaken) {
      this.#late = undefined;
      this.#read();
      return Promise.resolve(late);
    }
    const taken = this.#incoming.take(options);
    this.#read();
    return taken;
  }

  /** Waits for a frame if somebody waits for what is in it; behind the end always, for whatever else the other side has to say. */
  #read(): void {
    if (this.#reading || this.#callOver) return;
    if (this.#inputEnd === undefined ? !this.#incoming.hungry : this.#late !== undefined) return;
    this.#reading = true;
    this.inner.receive().then(this.#onFrame, this.#onBreak);
  }

  readonly #onFrame = (frame: Frame | undefined): void => {
    this.#reading = false;
    if (frame === undefined) {
      this.#onCallEnd();
      return;
    }
    const { payload, frameType } = frame;
    switch (frameType) {
      case FrameType.DATA:
        this.#onData(payload);
        break;
      case FrameType.HEADERS:
        this.#onFields(payload);
        break;
      case FrameType.RST_STREAM:
        this.#break(decodeAbort(payload));
        return;
      case FrameType.PING:
        this.#onPing(payload);
        break;
      case FrameType.GOAWAY:
        this.#onGoAway(payload);
        break;
      default: // of a later version, or of a plain peer's own making
    }
    this.#read();
  };

  readonly #onBreak = (error: Error): void => {
    this.#reading = false;
    this.#callOver = true;
    // Behind an end, as the ABORTED with which Jumpstarter's servers close, it changes nothing about what has been received.
    this.#incoming.end(error);
    this.#outgoing.fail(error);
  };

  #onData(payload: Uint8Array): void {
    const message = { data: payload, metadata: this.#fields ?? Metadata.empty };
    this.#fields = undefined;
    if (this.#inputEnd === undefined) {
      this.#received.add(payload);
      this.#incoming.push(message);
    } else if (this.peerFeatures.has("end")) {
      this.#violated("the other side sent data after its end");
    } else {
      this.#late = message;
    }
  }

  #onFields(payload: Uint8Array): void {
    const knowsFields = this.peerFeatures.has("fields");
    if (knowsFields && this.#fields !== undefined) {
      this.#violated("the other side sent metadata twice for one message");
      return;
    }
    try {
      this.#fields = decodeFields(payload);
    } catch (error) {
      // From a plain peer it is some other frame that happens to have this number.
      if (knowsFields) this.#violated(`the other side sent metadata that cannot be: ${reasonText(error)}`);
    }
  }

  #onGoAway(payload: Uint8Array): void {
    if (this.#inputEnd !== undefined) return;
    const knowsEnd = this.peerFeatures.has("end");
    const end = payload.length === 0 && !knowsEnd ? undefined : decodeEnd(payload);
    if (end === undefined) {
      if (knowsEnd) this.#violated("the other side sent an end whose proof cannot be read");
      else this.#endInput("declared");
      return;
    }
    // A proof is one also from a peer that is not known to give any.
    const mismatch = this.#received.mismatch(end);
    if (mismatch === undefined) this.#endInput("verified");
    else
      this.#broken(new GrpcError(Status.DATA_LOSS, `the other side's end does not fit what was received: ${mismatch}`));
  }

  /** The other side's half, or the whole call, has ended in order. */
  #onCallEnd(): void {
    this.#callOver = true;
    if (this.#inputEnd !== undefined) return;
    if (!this.peerFeatures.has("end")) {
      this.#endInput("bare");
      return;
    }
    this.#broken(
      new GrpcError(
        Status.DATA_LOSS,
        `the stream ended after ${this.#received.payloadBytes} bytes without the proof that these are all`,
      ),
    );
  }

  #endInput(proof: EndProof): void {
    this.#inputEnd = proof;
    this.#incoming.end();
    // At a server: now both have ended, and the call with them.
    if (this.#outputEnded && this.#call.role === "server") this.inner.sendEof().catch(nothing);
  }

  #onPing(payload: Uint8Array): void {
    const ping = decodePing(payload);
    // One answer at a time: who asks faster than it takes the answers gets fewer.
    if (ping === undefined || ping.answer || this.#answering || this.#outputEnded || !this.peerFeatures.has("ping"))
      return;
    this.#answering = true;
    const answered = (): void => {
      this.#answering = false;
    };
    this.inner
      .send({ payload: encodePing({ id: ping.id, answer: true }), frameType: FrameType.PING })
      .then(answered, answered);
  }

  // Breaking.

  #violated(message: string): void {
    this.#broken(new GrpcError(Status.INTERNAL, message));
  }

  /** What has come makes it impossible to go on: the other side is told. */
  #broken(error: GrpcError): void {
    this.#tellAbort(error);
    this.#break(error);
  }

  #break(error: Error): void {
    this.#callOver = true;
    this.#incoming.end(error);
    this.#outgoing.fail(error);
    this.inner.abort(error);
  }

  #tellAbort(error: GrpcError): void {
    if (this.#outputEnded || !this.peerFeatures.has("abort")) return;
    this.inner.send({ payload: encodeAbort(error), frameType: FrameType.RST_STREAM }).catch(nothing);
  }

  override abort(reason?: unknown): void {
    if (this.#outputEnded && this.#incoming.endTaken) return;
    const closed = new ClosedStreamError(
      reason === undefined ? "the stream was aborted" : `the stream was aborted: ${reasonText(reason)}`,
    );
    this.#callOver = true;
    this.#late = undefined;
    this.#outgoing.fail(closed);
    this.#incoming.close(closed);
    const error = abortError(reason);
    this.#tellAbort(error);
    this.inner.abort(error);
  }

  protected override async discardInput(eofSent: Promise<void>): Promise<void> {
    const ended = this.#incoming.discard();
    this.#late = undefined;
    this.#read();
    await ended;
    await eofSent;
    // What is left of the call, its status, is bounded in time by the call's own close.
    this.inner.close().catch(nothing);
  }
}

function checkCall(call: FrameCall): void {
  const { role, send, receive } = (call ?? {}) as Partial<FrameCall>;
  if ((role === "client" || role === "server") && typeof send === "function" && typeof receive === "function") return;
  throw new TypeError("a RouterStream is made of a ClientCall or a ServerCall");
}

function checkBytes(data: unknown): void {
  if (data instanceof Uint8Array || Object.prototype.toString.call(data) === "[object Uint8Array]") return;
  throw new TypeError(`a router stream carries Uint8Array, not ${data === null ? "null" : typeof data}`);
}
