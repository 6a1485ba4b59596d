/**
 * The receiving direction of a router stream: frames become items, their end is compared with its proof. It reads a
 * frame only when a reader waits for one, and behind the end whatever else comes. It knows nothing of what is sent.
 */
import { reasonText } from "@trunkline/base";
import { GrpcError, Status } from "@trunkline/grpc";
import { Metadata } from "@trunkline/metadata";
import type { ObjectStream, ReceivedMessage, WaitOptions } from "@trunkline/streams";
import { ReceiveQueue } from "@trunkline/streams/kit";
import type { Ping } from "../gen/trunkline/v1/frames_pb.js";
import type { EndProof } from "./end-proof.js";
import { type Frame, RouterFrameType } from "./frame.js";
import { decodeAbort, decodeEnd, decodeFields, decodePing } from "./payloads.js";
import type { PeerFeatures } from "./peer-features.js";
import { Proof } from "./proof.js";

/** The events of the receiving direction, for the stream. */
export interface IncomingEvents {
  /** The other side's direction has ended in order. */
  onEnd(): void;
  /** The other side asks for, or answers with, a sign of life. */
  onPing(ping: Ping): void;
  /** The other side has aborted the stream. */
  onAbort(error: Error): void;
  /** The call has failed. */
  onCallFailed(error: Error): void;
  /** The other side has broken the rules, or bytes were lost: the stream cannot go on. */
  onViolation(error: GrpcError): void;
}

/** Receives items and the end. */
export class Incoming {
  readonly #call: ObjectStream<Frame>;
  readonly #features: PeerFeatures;
  readonly #events: IncomingEvents;
  readonly #queue: ReceiveQueue<ReceivedMessage<Uint8Array>> = new ReceiveQueue();
  readonly #proof: Proof;
  /** True where the proof is counted here, and not by what carries the frames. */
  readonly #counts: boolean;
  /** Metadata that has come for the next DATA. */
  #fields: Metadata | undefined;
  /** True while a frame is being waited for. */
  #reading = false;
  /**
   * True after a frame other than DATA: the next frame is read without a reader, so that a PING on an idle stream is
   * answered.
   */
  #readsOn = false;
  #framesReceived = 0;
  #end: EndProof | undefined;
  /** DATA that came behind the end of a plain peer. */
  #late: ReceivedMessage<Uint8Array> | undefined;
  /** True once the call gives no more frames. */
  #callOver = false;

  constructor(call: ObjectStream<Frame>, features: PeerFeatures, events: IncomingEvents, counted?: Proof) {
    this.#call = call;
    this.#proof = counted ?? new Proof();
    this.#counts = counted === undefined;
    this.#features = features;
    this.#events = events;
  }

  /** The certainty of the end; undefined before it has come. */
  get end(): EndProof | undefined {
    return this.#end;
  }

  /** True once the reader has taken the end. */
  get endTaken(): boolean {
    return this.#queue.endTaken;
  }

  /** True while a frame is being waited for. */
  get isReading(): boolean {
    return this.#reading;
  }

  /** True once no more items can come: the end has come, or the call is over. */
  get isOver(): boolean {
    return this.#end !== undefined || this.#callOver;
  }

  /** The number of frames received so far, of whatever type. */
  get framesReceived(): number {
    return this.#framesReceived;
  }

  /** Returns the next item with its metadata, undefined at the end. */
  take(options?: WaitOptions): Promise<ReceivedMessage<Uint8Array> | undefined> {
    const late = this.#late;
    if (late !== undefined && this.#queue.endTaken) {
      this.#late = undefined;
      this.#read();
      return Promise.resolve(late);
    }
    const taken = this.#queue.take(options);
    this.#read();
    return taken;
  }

  /** Ends the receiving: the items that are here can still be taken, then comes `error`. */
  fail(error: Error): void {
    this.#callOver = true;
    this.#queue.end(error);
  }

  /** Drops everything: a waiting `take` and later ones reject with `error`. */
  close(error: Error): void {
    this.#callOver = true;
    this.#late = undefined;
    this.#queue.close(error);
  }

  /** Drops what is here and what comes; resolves when nothing more can come. */
  discard(): Promise<void> {
    const ended = this.#queue.discard();
    this.#late = undefined;
    this.#read();
    return ended;
  }

  /** Waits for a frame if a reader waits for its content; behind the end always, since control frames may follow. */
  #read(): void {
    if (this.#reading || this.#callOver) return;
    if (this.#end === undefined ? !(this.#queue.hasWaitingReader || this.#readsOn) : this.#late !== undefined) return;
    this.#reading = true;
    this.#call.receive().then(this.#onFrame, this.#onCallFailed);
  }

  readonly #onFrame = (frame: Frame | undefined): void => {
    this.#reading = false;
    if (frame === undefined) this.#onCallEnd();
    else this.#handle(frame);
    this.#read();
  };

  readonly #onCallFailed = (error: Error): void => {
    this.#reading = false;
    // Behind an end, as the ABORTED with which Jumpstarter's servers close, it changes nothing about what has been
    // received.
    this.fail(error);
    this.#events.onCallFailed(error);
  };

  #handle({ frameType, payload }: Frame): void {
    this.#framesReceived += 1;
    this.#readsOn = frameType !== RouterFrameType.DATA;
    switch (frameType) {
      case RouterFrameType.DATA:
        this.#onData(payload);
        break;
      case RouterFrameType.HEADERS:
        this.#onFields(payload);
        break;
      case RouterFrameType.RST_STREAM:
        this.#events.onAbort(decodeAbort(payload));
        break;
      case RouterFrameType.PING:
        this.#onPing(payload);
        break;
      case RouterFrameType.GOAWAY:
        this.#onGoAway(payload);
        break;
      default: // A frame of a later version, or one that only the other side's application knows.
    }
  }

  #onData(payload: Uint8Array): void {
    const message = { data: payload, metadata: this.#fields ?? Metadata.empty };
    this.#fields = undefined;
    if (this.#end === undefined) {
      if (this.#counts) this.#proof.add(payload);
      this.#queue.push(message);
    } else if (this.#features.has("end")) {
      this.#violated("the other side sent data after its end");
    } else {
      this.#late = message;
    }
  }

  #onFields(payload: Uint8Array): void {
    const knowsFields = this.#features.has("fields");
    if (knowsFields && this.#fields !== undefined) {
      this.#violated("the other side sent metadata twice for one message");
      return;
    }
    try {
      this.#fields = decodeFields(payload);
    } catch (error) {
      // From a plain peer it is another kind of frame that happens to have this number.
      if (knowsFields) this.#violated(`the other side sent metadata that cannot be read: ${reasonText(error)}`);
    }
  }

  #onPing(payload: Uint8Array): void {
    const ping = decodePing(payload);
    if (ping !== undefined) this.#events.onPing(ping);
  }

  #onGoAway(payload: Uint8Array): void {
    if (this.#end !== undefined) return;
    const knowsEnd = this.#features.has("end");
    const end = payload.length === 0 && !knowsEnd ? undefined : decodeEnd(payload);
    if (end === undefined) {
      if (knowsEnd) this.#violated("the other side sent an end whose proof cannot be read");
      else this.#endInOrder("declared");
      return;
    }
    // A proof counts also from a peer that is not known to give any.
    const mismatch = this.#proof.mismatch(end);
    if (mismatch === undefined) this.#endInOrder("verified");
    else this.#broken(`the other side's end does not fit what was received: ${mismatch}`);
  }

  /** The other side's half, or the whole call, has ended with OK. */
  #onCallEnd(): void {
    this.#callOver = true;
    if (this.#end !== undefined) return;
    if (this.#features.has("end")) {
      this.#broken(`the stream ended after ${this.#proof.payloadBytes} bytes without the proof that these are all`);
    } else {
      this.#endInOrder("bare");
    }
  }

  #endInOrder(end: EndProof): void {
    this.#end = end;
    this.#queue.end();
    this.#events.onEnd();
  }

  #violated(message: string): void {
    this.#events.onViolation(new GrpcError(Status.INTERNAL, message));
  }

  #broken(message: string): void {
    this.#events.onViolation(new GrpcError(Status.DATA_LOSS, message));
  }
}
