/**
 * The sending direction of a router stream: items become frames, are counted for the proof, and are followed by the
 * end. It knows nothing of what arrives.
 */
import { isBytes } from "@trunkline/base";
import { Metadata } from "@trunkline/metadata";
import type { ObjectStream, SendOptions, WaitOptions } from "@trunkline/streams";
import { metadataRefusal, SendQueue, sentAtOnce } from "@trunkline/streams/kit";
import { type Frame, RouterFrameType } from "./frame.js";
import { encodeEnd, encodeFields } from "./payloads.js";
import type { PeerFeatures } from "./peer-features.js";
import { Proof } from "./proof.js";

/**
 * The largest payload of a frame; larger items are cut. What a socket gives in one piece goes out in one piece, and a
 * frame never needs more than about one initial window, so that the router need not hold more of a stream.
 */
export const maxFramePayloadBytes = 65_536;

/** The events of the sending direction, for the stream. */
export interface OutgoingEvents {
  /** Some frames of an item have gone out and the next one failed: nothing may follow half an item. */
  onTornItem(error: unknown): void;
  /** The end has gone out. The stream waits for the returned promise. */
  onEnd(): Promise<void>;
}

interface OutgoingItem {
  readonly data: Uint8Array;
  /** Encoded metadata, for a HEADERS frame ahead of the data. */
  readonly fields: Uint8Array | undefined;
  readonly options: WaitOptions | undefined;
  /** Settles when the call has accepted all frames of the item; set when its turn comes. */
  sent: Promise<void> | undefined;
}

const ignore = (): void => {};

/** Sends items and the end, one after the other. */
export class Outgoing {
  readonly #call: ObjectStream<Frame>;
  readonly #features: PeerFeatures;
  readonly #events: OutgoingEvents;
  readonly #proof: Proof;
  /** True where the proof is counted here, and not by what carries the frames. */
  readonly #counts: boolean;
  readonly #queue: SendQueue<OutgoingItem>;
  /** Settles with the item whose frames are being given to the call; undefined between items. */
  #sending: Promise<void> | undefined;
  #ended = false;

  constructor(call: ObjectStream<Frame>, features: PeerFeatures, events: OutgoingEvents, counted?: Proof) {
    this.#call = call;
    this.#proof = counted ?? new Proof();
    this.#counts = counted === undefined;
    this.#features = features;
    this.#events = events;
    this.#queue = new SendQueue({
      hasRoom: () => this.#sending === undefined,
      accept: (item) => this.#accept(item),
      end: () => this.#sendEnd(),
    });
  }

  /** True once the end has gone out. */
  get ended(): boolean {
    return this.#ended;
  }

  /** True while no item is being sent. */
  get isIdle(): boolean {
    return this.#sending === undefined;
  }

  /** The number of DATA frames sent so far. */
  get dataFramesSent(): number {
    return this.#proof.dataFrames;
  }

  /**
   * Sends one item; settles when the call has accepted it. @throws TypeError, MetadataError, MetadataNotCarriedError,
   * and why the stream broke
   */
  send(data: Uint8Array, options?: SendOptions): Promise<void> {
    let item: OutgoingItem;
    try {
      item = this.#item(data, options);
    } catch (error) {
      return Promise.reject(error);
    }
    const accepted = this.#queue.send(item, options);
    return item.sent ?? accepted.then(() => item.sent);
  }

  #item(data: Uint8Array, options: SendOptions | undefined): OutgoingItem {
    checkBytes(data);
    const refusal = this.#features.has("fields")
      ? undefined
      : metadataRefusal("a router stream whose other side is not known to understand Fields", options);
    if (refusal !== undefined) throw refusal;
    const metadata = options?.metadata === undefined ? Metadata.empty : Metadata.from(options.metadata);
    return {
      data,
      fields: metadata.size > 0 ? encodeFields(metadata) : undefined,
      options: options?.signal === undefined ? undefined : { signal: options.signal },
      sent: undefined,
    };
  }

  /** Sends the end after all items; settles when it has gone out. */
  end(): Promise<void> {
    return this.#queue.end();
  }

  /** Rejects everything that waits, and every later `send`, with `error`. */
  fail(error: Error): void {
    this.#queue.fail(error);
  }

  /** Sends a frame that is not part of the items, unless the end has gone out. It may overtake items that wait. */
  sendControl(frameType: number, payload: Uint8Array): Promise<void> {
    return this.#ended ? Promise.resolve() : this.#call.send({ payload, frameType });
  }

  #accept(item: OutgoingItem): void {
    const isOneFrame = item.fields === undefined && item.data.length <= maxFramePayloadBytes;
    const accepted = isOneFrame ? this.#sendData(item.data, item.options) : this.#sendFrames(item);
    // Most items: the next one need not wait, so there is nothing to be told of.
    if (accepted === sentAtOnce) {
      item.sent = sentAtOnce;
      return;
    }
    const sent = accepted.then(
      () => {
        this.#sending = undefined;
        this.#queue.flush();
      },
      (error: unknown) => {
        this.#sending = undefined;
        // A wait that its signal has ended is no failure of the stream: nothing of the item has gone out.
        if (item.options?.signal?.aborted) this.#queue.flush();
        else this.#queue.fail(error as Error);
        throw error;
      },
    );
    // A caller that does not await this send learns from every other step that the stream has failed.
    sent.catch(ignore);
    this.#sending = sent;
    item.sent = sent;
  }

  /**
   * Counts the payload once it was accepted: a frame that was cancelled before that is not part of what has to arrive.
   */
  #sendData(payload: Uint8Array, options: WaitOptions | undefined): Promise<void> {
    const sent = this.#call.send({ payload, frameType: RouterFrameType.DATA }, options);
    if (!this.#counts) return sent;
    if (sent !== sentAtOnce) return sent.then(() => this.#proof.add(payload));
    this.#proof.add(payload);
    return sent;
  }

  async #sendFrames({ data, fields, options }: OutgoingItem): Promise<void> {
    let begun = false;
    try {
      if (fields !== undefined) {
        await this.#call.send({ payload: fields, frameType: RouterFrameType.HEADERS }, options);
        begun = true;
      }
      let offset = 0;
      do {
        await this.#sendData(data.subarray(offset, offset + maxFramePayloadBytes), options);
        begun = true;
        offset += maxFramePayloadBytes;
      } while (offset < data.length);
    } catch (error) {
      if (begun) this.#events.onTornItem(error);
      throw error;
    }
  }

  async #sendEnd(): Promise<void> {
    await this.#sending;
    await this.#call.send({ payload: encodeEnd(this.#proof), frameType: RouterFrameType.GOAWAY });
    this.#ended = true;
    await this.#events.onEnd();
  }
}

function checkBytes(data: unknown): void {
  if (isBytes(data)) return;
  throw new TypeError(`a router stream carries Uint8Array, not ${data === null ? "null" : typeof data}`);
}
