/** A stream that only receives, made of a source that returns items on request: an iterator, a reader, a file. */

import { reasonText } from "@trunkline/base";
import { type Attributes, noAttributes } from "../contract/attributes.js";
import { BrokenStreamError, ClosedStreamError } from "../contract/errors.js";
import type { ReceiveStream, WaitOptions } from "../contract/stream.js";
import { BaseReceiveStream } from "../kit/base-stream.js";
import { BreakSignal } from "../kit/break-signal.js";
import { ReceiveQueue } from "../kit/receive-queue.js";

/** A source of items. */
export interface PullSource<T extends {}> {
  /**
   * Returns the next item, `undefined` at the end. It is called once at a time, and not again after an end or an error.
   */
  pull(): Promise<T | undefined>;
  /**
   * Stops the source, because nothing more is wanted. It is called at most once, instead of the end, possibly while a
   * `pull` is under way, whose result is dropped. `reason` is the reason of the abort.
   */
  cancel?(reason: unknown): void;
  /**
   * True where the rest need not be read, as of a file: then `close()` cancels the source. Otherwise it reads on to the
   * end, so that the sender can finish. Default false.
   */
  readonly closeCancels?: boolean;
  /** Takes the function by which a source that notices a break by itself reports it. It is called once. */
  onBreak?(tell: (error: unknown) => void): void;
  /** The attributes of the stream. */
  readonly attributes?: Attributes;
}

/**
 * Makes a stream of a source. Nothing is pulled before it is wanted. An error of `pull` is the cause of a
 * `BrokenStreamError`, unless it is one itself.
 */
export function receiveStream<T extends {}>(source: PullSource<T>): ReceiveStream<T> {
  return new SourceStream(source);
}

class SourceStream<T extends {}> extends BaseReceiveStream<T> {
  readonly #source: PullSource<T>;
  readonly #incoming: ReceiveQueue<T> = new ReceiveQueue();
  readonly #broken: BreakSignal = new BreakSignal();
  #pulling = false;
  #finished = false;

  constructor(source: PullSource<T>) {
    super();
    this.#source = source;
    source.onBreak?.((error) => {
      if (!this.#finished) this.#break(error);
    });
  }

  override get brokenSignal(): BreakSignal {
    return this.#broken;
  }

  override get extraAttributes(): Attributes {
    return this.#source.attributes ?? noAttributes;
  }

  receive(options?: WaitOptions): Promise<T | undefined> {
    const taken = this.#incoming.take(options);
    void this.#pullWhileWanted();
    return taken;
  }

  abort(reason?: unknown): void {
    if (this.#incoming.endTaken) return;
    this.#incoming.close(new ClosedStreamError(`the stream was aborted: ${reasonText(reason)}`));
    this.#cancel(reason);
  }

  protected discardInput(): Promise<void> {
    const discarded = this.#incoming.discard();
    if (this.#source.closeCancels === true) {
      this.#cancel(new ClosedStreamError("the stream was closed"));
      this.#incoming.end();
    }
    void this.#pullWhileWanted();
    return discarded;
  }

  #cancel(reason: unknown): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#source.cancel?.(reason);
  }

  /** Pulls while a `receive` waits. An item that a cancelled `receive` had requested stays for the next one. */
  async #pullWhileWanted(): Promise<void> {
    if (this.#pulling) return;
    this.#pulling = true;
    try {
      while (!this.#finished && this.#incoming.hasWaitingReader) {
        const item = await this.#source.pull();
        if (this.#finished) break;
        if (item !== undefined) {
          this.#incoming.push(item);
          continue;
        }
        this.#finished = true;
        this.#incoming.end();
      }
    } catch (error) {
      if (!this.#finished) this.#break(error);
    } finally {
      this.#pulling = false;
    }
  }

  #break(error: unknown): void {
    this.#finished = true;
    const broken =
      error instanceof BrokenStreamError
        ? error
        : new BrokenStreamError(`the source of the stream failed: ${reasonText(error)}`, { cause: error });
    this.#incoming.end(broken);
    this.#broken.fire(broken);
  }
}
