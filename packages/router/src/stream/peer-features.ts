/** The features that the other side of a stream is known to have, and how they become known. */
import type { ClientCall, ServerCall } from "@trunkline/grpc";
import type { ObjectStream, WaitOptions } from "@trunkline/streams";
import { type Feature, type Features, featuresKey, noFeatures, parseFeatures } from "./features.js";
import type { Frame } from "./frame.js";
import type { Proof } from "./proof.js";

/** A call of either side whose messages are frames, as one of `RouterService.Stream` is. */
export type FrameCall = ClientCall<Frame, Frame> | ServerCall<Frame, Frame>;

/**
 * A carrier of frames that is no call: a session of calls, one after the other, or TLS inside a stream. Its peer is a
 * client of a router.
 */
export interface FrameCarrier extends ObjectStream<Frame> {
  readonly role: "session";
  /** The counts over the DATA that was sent and received; undefined where the stream counts itself. */
  readonly proofs: { readonly sent: Proof; readonly received: Proof } | undefined;
  /** The time for which nothing has carried the frames, in milliseconds. */
  readonly detachedMs: number;
  /** Waits until the other side is there. */
  joined(): Promise<void>;
}

/** The features of the other side: given beforehand, or read once from the metadata of the call. */
export class PeerFeatures {
  readonly #call: FrameCall | FrameCarrier;
  #known: Features | undefined;

  constructor(call: FrameCall | FrameCarrier, given: Features | undefined) {
    this.#call = call;
    this.#known = given;
  }

  /** The features as far as they are known now; none before the call's metadata has come. */
  get current(): Features {
    if (this.#known !== undefined) return this.#known;
    if (this.#call.role === "session") return noFeatures;
    const metadata = this.#call.role === "server" ? this.#call.metadata : this.#call.initialMetadata;
    if (metadata === undefined) return noFeatures;
    this.#known = parseFeatures(metadata.get(featuresKey));
    return this.#known;
  }

  /** Returns true if the other side is known by now to understand `feature`. */
  has(feature: Feature): boolean {
    return this.current.has(feature);
  }

  /**
   * Waits at a client for the initial metadata, if the features are not known yet. @throws GrpcError when the call ends
   * without it
   */
  async receive(options?: WaitOptions): Promise<Features> {
    if (this.#known === undefined && this.#call.role === "client") await this.#call.receiveInitialMetadata(options);
    return this.current;
  }
}
