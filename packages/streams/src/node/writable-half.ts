/** Writing to a Node writable (or the writable side of a duplex), as fast as it takes it. */
import type { Writable } from "node:stream";
import { BrokenStreamError } from "../contract/errors.js";
import type { SendOptions } from "../contract/stream.js";
import { metadataRefusal } from "../kit/metadata-refusal.js";
import { SendQueue } from "../kit/send-queue.js";

/** Sends wait while the writable is full, until its `drain`. Errors are its owner's to tell. */
export class WritableHalf {
  readonly queue: SendQueue<Uint8Array>;
  readonly #writable: Writable;
  readonly #what: string;
  /** The writable has taken as much as it wants, until its `drain`. */
  #full = false;
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

  start(): void {
    this.#full = this.#writable.writableNeedDrain;
    this.#writable.on("drain", this.#onDrain);
  }

  stop(): void {
    this.#writable.off("drain", this.#onDrain);
  }

  send(chunk: Uint8Array, options?: SendOptions): Promise<void> {
    const refusal = metadataRefusal(this.#what, options);
    if (refusal !== undefined) return Promise.reject(refusal);
    if (!(chunk instanceof Uint8Array))
      return Promise.reject(new TypeError(`${this.#what} sends Uint8Array, not ${typeof chunk}`));
    return this.queue.send(chunk, options);
  }

  /** Nothing more can be sent, for this reason. */
  fail(error: Error): void {
    this.#failure ??= error;
    this.queue.fail(error);
  }

  readonly #onDrain = (): void => {
    this.#full = false;
    this.queue.flush();
  };

  #write(chunk: Uint8Array): void {
    if (chunk.length > 0) this.#full = !this.#writable.write(chunk);
  }

  #end(): Promise<void> {
    if (this.#writable.writableFinished) return Promise.resolve();
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
