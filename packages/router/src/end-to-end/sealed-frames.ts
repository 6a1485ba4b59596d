/**
 * The frames of a stream inside TLS, each with its length in front. A `RouterStream` over them proves its ends and
 * aborts within TLS, so that a router can neither cut a direction short without notice nor read why it was aborted.
 */
import type tls from "node:tls";
import { isError, reasonText } from "@trunkline/base";
import { GrpcError, Status } from "@trunkline/grpc";
import type { AttributeKey, Attributes, Clock, ObjectStream, SendOptions, WaitOptions } from "@trunkline/streams";
import { StreamLayer } from "@trunkline/streams/kit";
import { decodeFrame, encodeFrame, type Frame } from "../stream/frame.js";
import type { FrameCarrier } from "../stream/peer-features.js";
import type { RouterStream } from "../stream/router-stream.js";
import type { BelowTls } from "./below-tls.js";

/** The time for the last message to leave TLS. */
const lastWordMs = 1_000;

export interface SealedFramesOptions {
  /** The messages inside TLS. */
  readonly messages: ObjectStream<Uint8Array>;
  readonly socket: tls.TLSSocket;
  /** The stream that carries TLS. */
  readonly outer: RouterStream;
  /** The stream that carries TLS, as TLS uses it. */
  readonly below: BelowTls;
  readonly attributes: Attributes;
  readonly clock: Clock;
  /** Returns the time for which nothing has carried the outer stream. */
  detachedMs(): number;
}

export class SealedFrames extends StreamLayer<Frame, Frame, Uint8Array, Uint8Array> implements FrameCarrier {
  readonly role = "session";
  readonly proofs = undefined;
  readonly #options: SealedFramesOptions;

  constructor(options: SealedFramesOptions) {
    super(options.messages);
    this.#options = options;
  }

  get detachedMs(): number {
    return this.#options.detachedMs();
  }

  /** The other side is there: the handshake was with it. */
  joined(): Promise<void> {
    return Promise.resolve();
  }

  override get carriesMetadata(): boolean {
    return false;
  }

  // What the outer stream says of its end and its metadata must not be taken for this one's.
  override get extraAttributes(): Attributes {
    return this.#options.attributes;
  }

  override extra<T>(key: AttributeKey<T>): T | undefined {
    return this.#options.attributes.get(key) as T | undefined;
  }

  send(frame: Frame, options?: SendOptions): Promise<void> {
    return this.sendBelow(encodeFrame(frame), options).catch((error: unknown) => {
      throw options?.signal?.aborted ? error : this.#failure(error);
    });
  }

  async receive(options?: WaitOptions): Promise<Frame | undefined> {
    try {
      const message = await this.inner.receive(options);
      return message === undefined ? undefined : decodeFrame(message);
    } catch (error) {
      throw options?.signal?.aborted ? error : this.#failure(error);
    }
  }

  protected override async endOutput(): Promise<void> {
    await this.allSentBelow();
    await super.endOutput();
  }

  /**
   * Aborts the outer stream once what was sent has left TLS: the last message says why, unless the other side is held
   * up, and takes no message. The router is not told the reason.
   */
  override abort(reason?: unknown): void {
    const { outer, below, socket, clock } = this.#options;
    let cancel = (): void => {};
    const end = (): void => {
      cancel();
      outer.abort(new GrpcError(Status.ABORTED, "the stream was aborted inside TLS"));
      super.abort(reason);
    };
    if (below.isHeldUp || socket.destroyed || !socket.writable) {
      end();
      return;
    }
    cancel = clock.at(clock.nowMs() + lastWordMs, end, "watch");
    socket.write(new Uint8Array(0), end);
  }

  /** Returns the error of the outer stream where that is what broke this one. */
  #failure(error: unknown): Error {
    const { outer } = this.#options;
    const cause = outer.brokenSignal?.aborted ? outer.brokenSignal.reason : grpcErrorBehind(error);
    if (cause instanceof GrpcError) return cause;
    return new GrpcError(Status.DATA_LOSS, `end to end: ${reasonText(error)}`, { cause: error });
  }
}

/** Returns the `GrpcError` among an error and its causes. */
export function grpcErrorBehind(error: unknown): GrpcError | undefined {
  let each = error;
  for (let depth = 0; depth < 8 && isError(each); depth++, each = each.cause)
    if (each instanceof GrpcError) return each;
  return undefined;
}
