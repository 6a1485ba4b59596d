/** A layer that makes its messages out of those of the stream below: the part about receiving that all such layers share. */

import { reasonText } from "@trunkline/base";
import { BrokenStreamError, ClosedStreamError } from "../contract/errors.js";
import type { ReceivedMessage, SendOptions, WaitOptions } from "../contract/stream.js";
import { dataOf } from "./message.js";
import { ReceiveQueue } from "./receive-queue.js";
import { StreamLayer } from "./wrapped-stream.js";

/**
 * A layer whose messages are cut otherwise than those below: frames, lines, decompressed bytes. A subclass implements `send` and
 * `pull`, and gets `receive` with all its rules: one at a time, a cancelled one loses nothing, nothing is read before it is wanted.
 *
 * What `pull` throws breaks the stream in both directions, since nobody knows where the next message would begin.
 */
export abstract class TranslatedStream<
  Out extends {},
  In extends {},
  InnerOut extends {},
  InnerIn extends {},
> extends StreamLayer<Out, In, InnerOut, InnerIn> {
  readonly #incoming: ReceiveQueue<ReceivedMessage<In>> = new ReceiveQueue();
  #pulling = false;
  /** Nothing will be pulled any more: the end has come, or an error, or this side has closed. */
  #finished = false;
  /** This side has closed, and drops what comes. */
  #discarding = false;
  #broken: BrokenStreamError | undefined;

  /** The next message, `undefined` at the end. Called once at a time, and not after an end or an error. */
  protected abstract pull(): Promise<ReceivedMessage<In> | undefined>;

  /** Nothing will be pulled and nothing sent any more, for this reason: gives back what the layer holds. May be called twice. */
  protected released(_reason: Error): void {}

  /** Why nothing can be sent, once `pull` has thrown. */
  protected get broken(): BrokenStreamError | undefined {
    return this.#broken;
  }

  receive(options?: WaitOptions): Promise<In | undefined> {
    return this.receiveWithMetadata(options).then(dataOf);
  }

  override receiveWithMetadata(options?: WaitOptions): Promise<ReceivedMessage<In> | undefined> {
    const taken = this.#incoming.take(options);
    if (!this.#pulling && !this.#finished && this.#incoming.hungry) void this.#pullWhileWanted();
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
      // Until this layer's last word has gone, the stream below stays open, and the other side may need its bytes taken to read it.
      if (!this.#pulling) void this.#drain();
    }
    this.#incoming.close(closed);
    await eofSent;
    await this.inner.close({ closeTimeoutMs });
    this.released(closed);
  }

  async #pullWhileWanted(): Promise<void> {
    this.#pulling = true;
    try {
      while (!this.#finished && this.#incoming.hungry) {
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

  /** No message can be made any more. */
  #break(error: unknown): void {
    if (this.#finished) return; // this side has closed, or aborted, and knows
    this.#finished = true;
    if (error instanceof ClosedStreamError) {
      this.#incoming.fail(error); // somebody has closed the stream below
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
      // It is what is being waited for: the stream below closes, or breaks, which the other half tells.
    }
  }
}

/**
 * For a layer's last word: where the other side has ended the whole way already, as a gRPC server does, nobody is left to hear it, and the
 * end below still succeeds. Where the way is broken, that end rejects too.
 */
export async function unlessOver(lastWord: Promise<void>): Promise<void> {
  try {
    await lastWord;
  } catch (error) {
    if (!(error instanceof BrokenStreamError)) throw error;
  }
}
