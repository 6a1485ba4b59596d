/** The writing to a Node writable (or the writable side of a duplex), as fast as it takes it. */
import type { Writable } from "node:stream";
import { nextTick } from "@trunkline/base/node";
import { BrokenStreamError } from "../contract/errors.js";
import type { SendOptions } from "../contract/stream.js";
import { bytesRefusal } from "../kit/item.js";
import { metadataRefusal } from "../kit/metadata-refusal.js";
import { SendQueue } from "../kit/send-queue.js";

/**
 * Chunks below this size that are sent in one turn are written together: a system call for each would cost more than
 * they do.
 */
const smallBytes = 4_096;

/** The sending half over a writable: sends wait while it is full, until its `drain`. Its owner reports errors. */
export class WritableHalf {
  readonly queue: SendQueue<Uint8Array>;
  readonly #writable: Writable;
  readonly #what: string;
  /** True while the writable wants no more, until its `drain`. */
  #full = false;
  #corked = false;
  #finished = false;
  #failure: Error | undefined;

  /** `what` begins messages: "a socket". */
  constructor(writable: Writable, what: string) {
    this.#writable = writable;
    this.#what = what;
    this.queue = new SendQueue({
      hasRoom: () => !this.#full,
      accept: (chunk) => this.#write(chunk),
      end: () => this.#end(),
    });
  }

  /** True once the writable has finished. It is remembered, since `process.stdout` forgets it before its `close`. */
  get finished(): boolean {
    return this.#finished || this.#writable.writableFinished;
  }

  /** Begins to write. */
  start(): void {
    this.#full = this.#writable.writableNeedDrain;
    this.#writable.on("drain", this.#onDrain);
    this.#writable.on("finish", this.#onFinish);
  }

  /** Takes the listeners off. */
  stop(): void {
    this.#writable.off("drain", this.#onDrain);
    this.#writable.off("finish", this.#onFinish);
  }

  send(chunk: Uint8Array, options?: SendOptions): Promise<void> {
    const refusal = metadataRefusal(this.#what, options) ?? bytesRefusal(this.#what, chunk);
    return refusal === undefined ? this.queue.send(chunk, options) : Promise.reject(refusal);
  }

  /** Ends the sending by an error, which every later `send` rejects with. */
  fail(error: Error): void {
    this.#failure ??= error;
    this.queue.fail(error);
    this.#uncork(); // the chunks that were taken go out before an abort
  }

  readonly #onDrain = (): void => {
    this.#full = false;
    this.queue.flush();
  };

  readonly #onFinish = (): void => {
    this.#finished = true;
  };

  #write(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    if (chunk.length < smallBytes && !this.#corked) {
      this.#corked = true;
      this.#writable.cork();
      nextTick(this.#uncork);
    }
    this.#full = !this.#writable.write(chunk);
  }

  readonly #uncork = (): void => {
    if (!this.#corked) return;
    this.#corked = false;
    this.#writable.uncork();
  };

  #end(): Promise<void> {
    if (this.finished) return Promise.resolve();
    return new Promise((resolve, reject) => {
      // Node's types say that the callback has no argument, but it is given the error.
      this.#writable.end((error?: Error | null) => {
        if (error === undefined || error === null) resolve();
        else
          reject(
            this.#failure ?? new BrokenStreamError(`the end could not be sent: ${error.message}`, { cause: error }),
          );
      });
    });
  }
}
