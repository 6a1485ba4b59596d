/** A one-way stream into whatever takes items one after another: a writer, a file, a function. */

import { reasonText } from "@trunkline/base";
import { type Attributes, noAttributes } from "../contract/attributes.js";
import { BrokenStreamError, ClosedStreamError } from "../contract/errors.js";
import type { SendOptions, SendStream } from "../contract/stream.js";
import { BaseSendStream } from "../kit/base-stream.js";
import { BreakSignal } from "../kit/break-signal.js";
import { metadataRefusal } from "../kit/metadata-refusal.js";
import { SendQueue } from "../kit/send-queue.js";

/** What takes items one by one. */
export interface WriteTarget<T extends {}> {
  /** Takes an item; the next one comes when the promise has resolved. */
  write(item: T): Promise<void>;
  /** After the last item. `sendEof` settles as the promise does. */
  end?(): Promise<void>;
  /** Instead of the end: the items are not a whole. Called at most once, also when `write` or `end` has thrown; disposal waits for it. */
  abort?(reason: unknown): Promise<void> | void;
  readonly attributes?: Attributes;
  /** Begins messages about what cannot be sent: "a file". Default "this stream". */
  readonly name?: string;
  /** Called once, for a target that can tell at any time that it is broken. */
  onBreak?(tell: (error: unknown) => void): void;
  /** What is wrong with an item, for which its `send` rejects; `undefined` if nothing is. Default: every item is right. */
  check?(item: T): Error | undefined;
}

/**
 * The target as a stream. One item is being written, and more wait for it. What `write` throws is the cause of the
 * `BrokenStreamError` that all later sends reject with.
 */
export function sendStream<T extends {}>(target: WriteTarget<T>): SendStream<T> {
  return new TargetStream(target);
}

class TargetStream<T extends {}> extends BaseSendStream<T> {
  readonly carriesMetadata = false;
  readonly #target: WriteTarget<T>;
  #undone: Promise<void> | void = undefined;
  readonly #outgoing: SendQueue<T>;
  readonly #broken: BreakSignal = new BreakSignal();
  #writing: Promise<void> | undefined;
  /** Why nothing can be sent any more: an abort or a failure. */
  #failure: Error | undefined;
  /** Ends the wait for the target's end. */
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

  /** The last item may still be on its way, and the end is not its word that it arrived. */
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
        : new BrokenStreamError(`what the stream is written to failed: ${reasonText(error)}`, { cause: error });
    this.#failure = broken;
    this.#outgoing.fail(broken);
    this.#rejectEnd?.(broken);
    this.#undone = this.#target.abort?.(error);
    this.#broken.fire(broken);
    return broken;
  }
}
