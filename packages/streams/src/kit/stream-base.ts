/**
 * The part of every stream that does not depend on its direction: attributes, closing within a time limit, disposal.
 */
import { type AbortSignalLike, abortable, type Clock } from "@trunkline/base";
import { type AttributeKey, type Attributes, noAttributes } from "../contract/attributes.js";
import { streamClock } from "../contract/clock.js";
import type { CloseOptions, StreamControl } from "../contract/stream.js";
import { type ClosingSteps, closeRefusal, closeWithin } from "./ending.js";

/** Implements `StreamControl`. The bases of two-way and one-way streams extend it; a stream extends one of those. */
export abstract class StreamBase implements StreamControl {
  #closing: Promise<void> | undefined;

  /** Ends the stream at once; the other side sees an error. */
  abstract abort(reason?: unknown): void;

  /** Ends the stream gracefully. `close` calls it once; `closeWithin` gives it its time limit. */
  protected abstract closeGracefully(closeTimeoutMs: number | undefined): Promise<void>;

  /**
   * True when disposal may close the stream, false when it has to abort the stream because something would be missing.
   */
  protected abstract get disposalCloses(): boolean;

  /** The message of the error with which disposal aborts the stream. */
  protected abstract get disposalReason(): string;

  close(options: CloseOptions = {}): Promise<void> {
    const refusal = closeRefusal(options, options?.closeTimeoutMs === undefined ? undefined : this.extra(streamClock));
    if (refusal !== undefined) return Promise.reject(refusal);
    this.#closing ??= this.closeGracefully(options.closeTimeoutMs);
    return abortable(this.#closing, options.signal);
  }

  /** Closes by the given steps, within the time limit by the clock of this stream. */
  protected closeWithin(closeTimeoutMs: number | undefined, steps: ClosingSteps): Promise<void> {
    return closeWithin(this.closingClock, closeTimeoutMs, steps);
  }

  /** The clock of `closeTimeoutMs`. */
  protected get closingClock(): Clock | undefined {
    return this.extra(streamClock);
  }

  /** Absent here; a carrier that notices breaks by itself overrides it. */
  get brokenSignal(): AbortSignalLike | undefined {
    return undefined;
  }

  get extraAttributes(): Attributes {
    return noAttributes;
  }

  extra<T>(key: AttributeKey<T>): T | undefined {
    return this.extraAttributes.get(key) as T | undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.disposalCloses || this.#closing !== undefined) return this.close();
    this.abort(new Error(this.disposalReason));
  }
}
