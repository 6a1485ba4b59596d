/** A stream that only sends, made of a target that takes items one after another: a writer, a file, a function. */

import { reasonText } from "@trunkline/base";
import { type Attributes, noAttributes } from "../contract/attributes.js";
import { BrokenStreamError, ClosedStreamError } from "../contract/errors.js";
import type { SendOptions, SendStream } from "../contract/stream.js";
import { BaseSendStream } from "../kit/base-stream.js";
import { BreakSignal } from "../kit/break-signal.js";
import { metadataRefusal } from "../kit/metadata-refusal.js";
import { SendQueue } from "../kit/send-queue.js";

/** A target for items. */
export interface WriteTarget<T extends {}> {
  /** Takes an item; the next one comes when the promise has resolved. */
  write(item: T): Promise<void>;
  /** Takes the end, after the last item. `sendEof` settles as the promise does. */
  end?(): Promise<void>;
  /**
   * Takes the news that the items are not complete. It is called at most once, instead of the end, also when `write` or
   * `end` has thrown. Disposal waits for it.
   */
  abort?(reason: unknown): Promise<void> | void;
  /** The attributes of the stream. */
  readonly attributes?: Attributes;
  /** The words that begin messages about refused items, such as "a file". Default "this stream". */
  readonly name?: string;
  /** Takes the function by which a target that notices a break by itself reports it. It is called once. */
  onBreak?(tell: (error: unknown) => void): void;
  /**
   * Returns the error with which the `send` of an item rejects; `undefined` for an item that is accepted. Default: all
   * are.
   */
  check?(item: T): Error | undefined;
}

/**
 * Makes a stream of a target. One item is written at a time while others wait. An error of `write` is the cause of the
 * `BrokenStreamError` that all later sends reject with.
 */
export function sendStream<T extends {}>(target: WriteTarget<T>): SendStream<T> {
  return new TargetStream(target);
}

class TargetStream<T extends {}> extends BaseSendStream<T> {
  readonly carriesMetadata = false;
  readonly #target: WriteTarget<T>;
  /** The work of the target's `abort`. */
  #undone: Promise<void> | void = undefined;
  readonly #outgoing: SendQueue<T>;
  readonly #broken: BreakSignal = new BreakSignal();
  #writing: Promise<void> | undefined;
  /** The error of every later send: an abort or a failure. */
  #failure: Error | undefined;
  /** Rejects the end that the target has not taken yet. */
  #rejectEnd: ((error: Error) => void) | undefined;

  constructor(target: WriteTarget<T>) {
    super();
    this.#target = target;
    this.#outgoing = new SendQueue({
      hasRoom: () => this.#writing === undefined,
      accept: (item) => this.#write(item),
      end: () => this.#end(),
    });
    target.onBreak?.((error) => {
      if (!this.eofSent) this.#break(error);
    });
  }

  override get brokenSignal(): BreakSignal {
    return this.#broken;
  }

  override get extraAttributes(): Attributes {
    return this.#target.attributes ?? noAttributes;
  }

  send(item: T, options?: SendOptions): Promise<void> {
    const refusal = metadataRefusal(this.#target.name ?? "this stream", options) ?? this.#target.check?.(item);
    return refusal === undefined ? this.#outgoing.send(item, options) : Promise.reject(refusal);
  }

  abort(reason?: unknown): void {
    if (this.eofSent || this.#failure !== undefined) return;
    this.#failure = new ClosedStreamError(`the stream was aborted: ${reasonText(reason)}`);
    this.#outgoing.fail(this.#failure);
    this.#rejectEnd?.(this.#failure);
    this.#undone = this.#target.abort?.(reason);
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await super[Symbol.asyncDispose]();
    await this.#undone;
  }

  protected endOutput(): Promise<void> {
    return this.#outgoing.end();
  }

  #write(item: T): void {
    let written: Promise<void>;
    try {
      written = this.#target.write(item);
    } catch (error) {
      throw this.#break(error);
    }
    this.#writing = written.then(
      () => {
        this.#writing = undefined;
        this.#outgoing.flush();
      },
      (error: unknown) => void this.#break(error),
    );
  }

  #end(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#rejectEnd = reject;
      this.#endTarget().then(resolve, (error: unknown) => reject(this.#break(error)));
    });
  }

  /** Ends the target after its last item, which may still be on its way: the end must not hide its failure. */
  async #endTarget(): Promise<void> {
    await this.#writing;
    if (this.#failure === undefined) await this.#target.end?.();
    else throw this.#failure;
  }

  #break(error: unknown): Error {
    if (this.#failure !== undefined) return this.#failure;
    const broken =
      error instanceof BrokenStreamError
        ? error
        : new BrokenStreamError(`the target of the stream failed: ${reasonText(error)}`, { cause: error });
    this.#failure = broken;
    this.#outgoing.fail(broken);
    this.#rejectEnd?.(broken);
    this.#undone = this.#target.abort?.(error);
    this.#broken.fire(broken);
    return broken;
  }
}
