/** The receiving part of layers that make their messages out of those of the stream below. */

import { reasonText } from "@trunkline/base";
import { BrokenStreamError, ClosedStreamError } from "../contract/errors.js";
import type { ReceivedMessage, SendOptions, WaitOptions } from "../contract/stream.js";
import { dataOf } from "./message.js";
import { ReceiveQueue } from "./receive-queue.js";
import { StreamLayer } from "./wrapped-stream.js";

/**
 * A layer whose messages are cut otherwise than those below: frames, lines, decompressed bytes. A subclass implements
 * `send` and `pull`, and gets `receive` with all its rules: one at a time, a cancelled one loses nothing, nothing is
 * read before it is wanted.
 *
 * An error of `pull` breaks the stream in both directions, since it is unknown where the next message would begin.
 */
export abstract class TranslatedStream<
  Out extends {},
  In extends {},
  InnerOut extends {},
  InnerIn extends {},
> extends StreamLayer<Out, In, InnerOut, InnerIn> {
  readonly #incoming: ReceiveQueue<ReceivedMessage<In>> = new ReceiveQueue();
  #pulling = false;
  /** True when nothing will be pulled any more: the end has come, or an error, or this side has closed. */
  #finished = false;
  /** True when this side has closed and drops everything that comes. */
  #discarding = false;
  #broken: BrokenStreamError | undefined;

  /**
   * Returns the next message, `undefined` at the end. It is called once at a time, and not after an end or an error.
   */
  protected abstract pull(): Promise<ReceivedMessage<In> | undefined>;

  /**
   * Returns a message that can be made of what has been received from below already; `undefined` where there is none
   * yet. It saves the promises of `pull` where many messages arrive at once. An error of it breaks the stream.
   */
  protected ready(): ReceivedMessage<In> | undefined {
    return undefined;
  }

  /** Gives back the resources of the layer, when nothing will be pulled and sent any more. It may be called twice. */
  protected released(_reason: Error): void {}

  /** The error of every later `send`, once `pull` has thrown. */
  protected get broken(): BrokenStreamError | undefined {
    return this.#broken;
  }

  receive(options?: WaitOptions): Promise<In | undefined> {
    // Of many messages that have come at once, each is given as it is: it saves the queue and a promise.
    const message = options === undefined ? this.#takeReady() : undefined;
    return message === undefined ? this.receiveWithMetadata(options).then(dataOf) : Promise.resolve(message.data);
  }

  override receiveWithMetadata(options?: WaitOptions): Promise<ReceivedMessage<In> | undefined> {
    const ready = this.#takeReady();
    if (ready !== undefined) this.#incoming.push(ready);
    const mayPull = !this.#pulling && !this.#finished;
    const taken = this.#incoming.take(options);
    if (mayPull && this.#incoming.hasWaitingReader) void this.#pullWhileWanted();
    return taken;
  }

  override abort(reason?: unknown): void {
    this.inner.abort(reason);
    if (this.eofSent && this.#incoming.endTaken) return;
    const closed = new ClosedStreamError(`this end was aborted: ${reasonText(reason)}`);
    this.#finished = true;
    this.#incoming.close(closed);
    this.released(closed);
  }

  protected override sendBelow(item: InnerOut, options?: SendOptions): Promise<void> {
    return this.#broken === undefined ? super.sendBelow(item, options) : Promise.reject(this.#broken);
  }

  protected override async discardInput(eofSent: Promise<void>, closeTimeoutMs: number | undefined): Promise<void> {
    const closed = new ClosedStreamError("the stream was closed");
    if (!this.#finished) {
      this.#finished = true;
      this.#discarding = true;
      // The stream below stays open until this layer's last item has gone; the other side may be able to read it only
      // when its own bytes are taken.
      if (!this.#pulling) void this.#drain();
    }
    this.#incoming.close(closed);
    await eofSent;
    await this.inner.close({ closeTimeoutMs });
    this.released(closed);
  }

  /** Returns a message that can be made of what is here, where it is the turn of none that waits. */
  #takeReady(): ReceivedMessage<In> | undefined {
    if (this.#pulling || this.#finished || this.#incoming.size > 0) return undefined;
    try {
      return this.ready();
    } catch (error) {
      this.#break(error);
      return undefined;
    }
  }

  async #pullWhileWanted(): Promise<void> {
    this.#pulling = true;
    try {
      while (!this.#finished && this.#incoming.hasWaitingReader) {
        const message = await this.pull();
        if (message !== undefined) {
          this.#incoming.push(message);
        } else if (!this.#finished) {
          this.#finished = true;
          this.#incoming.end();
        }
      }
    } catch (error) {
      this.#break(error);
    } finally {
      this.#pulling = false;
      if (this.#discarding) void this.#drain();
    }
  }

  /** Breaks the stream, since no message can be made any more. */
  #break(error: unknown): void {
    if (this.#finished) return; // this side has closed, or aborted, and knows
    this.#finished = true;
    if (error instanceof ClosedStreamError) {
      this.#incoming.fail(error); // the stream below was closed directly
      return;
    }
    const broken =
      error instanceof BrokenStreamError ? error : new BrokenStreamError(reasonText(error), { cause: error });
    this.#broken = broken;
    this.inner.abort(broken);
    this.#incoming.fail(broken);
    this.released(broken);
  }

  async #drain(): Promise<void> {
    try {
      while ((await this.inner.receive()) !== undefined);
    } catch {
      // The stream below was closed, which is expected here, or broke, which the sending half reports.
    }
  }
}

/**
 * Sends a layer's last item. Where the other side has ended the stream in both directions already, as a gRPC server
 * does, the item has no reader left and its failure is ignored: the end below still succeeds then. Where the way is
 * broken, that end rejects too.
 */
export async function unlessOver(sent: Promise<void>): Promise<void> {
  try {
    await sent;
  } catch (error) {
    if (!(error instanceof BrokenStreamError)) throw error;
  }
}
