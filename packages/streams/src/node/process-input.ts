/** The standard input of a child process, which may end well without having read all of it. */
import { Writable } from "node:stream";
import { type Clock, deferred } from "@trunkline/base";
import { BrokenStreamError } from "../contract/errors.js";

/**
 * The longest wait for the exit of a process whose input has failed. One that has exited is known to have within a
 * turn or so; one that has only closed its input lives on, and the failure counts.
 */
const exitWaitMs = 200;

type Done = (error?: Error | null) => void;

/**
 * Writes to the standard input of a process. What is written after the process has ended well is discarded, as a shell
 * does with what the last program of a pipe leaves unread: its exit code has said that it needed no more.
 */
export class ProcessInput extends Writable {
  readonly #stdin: Writable;
  /** Resolves at the exit of the process with true where its code is a good end. */
  readonly #endedWell: Promise<boolean>;
  readonly #clock: Clock;
  #isDiscarded = false;

  constructor(stdin: Writable, endedWell: Promise<boolean>, clock: Clock) {
    super({ highWaterMark: stdin.writableHighWaterMark, decodeStrings: false });
    this.#stdin = stdin;
    this.#endedWell = endedWell;
    this.#clock = clock;
    stdin.on("error", () => {}); // each write is told of it, or `close` follows
    stdin.once("close", () => void this.#onClose());
  }

  override _write(chunk: Uint8Array, _encoding: string, done: Done): void {
    if (this.#isDiscarded) done();
    else this.#stdin.write(chunk, (error) => void this.#settle(error, done));
  }

  override _writev(chunks: readonly { readonly chunk: Uint8Array }[], done: Done): void {
    this.#stdin.cork();
    for (const { chunk } of chunks.slice(0, -1)) if (!this.#isDiscarded) this.#stdin.write(chunk);
    this._write(chunks.at(-1)?.chunk as Uint8Array, "buffer", done);
    this.#stdin.uncork();
  }

  override _final(done: Done): void {
    if (this.#isDiscarded) done();
    else this.#stdin.end((error?: Error | null) => void this.#settle(error, done));
  }

  override _destroy(error: Error | null, done: Done): void {
    this.#stdin.destroy(error ?? undefined);
    done(error);
  }

  async #settle(error: Error | null | undefined, done: Done): Promise<void> {
    if (error === null || error === undefined || (await this.#hasEndedWell())) done();
    else done(error);
  }

  /** The process has gone, or has closed its input: a break that nobody may be writing to notice. */
  async #onClose(): Promise<void> {
    if (this.#stdin.writableFinished || this.destroyed || (await this.#hasEndedWell())) return;
    const closed = new BrokenStreamError("the input of the process was closed before its end", {
      code: "PREMATURE_CLOSE",
    });
    this.destroy(this.#stdin.errored ?? closed);
  }

  async #hasEndedWell(): Promise<boolean> {
    const waited = deferred<boolean>();
    const cancel = this.#clock.at(this.#clock.nowMs() + exitWaitMs, () => waited.resolve(false), "work");
    this.#isDiscarded ||= await Promise.race([this.#endedWell, waited.promise]);
    cancel();
    return this.#isDiscarded;
  }
}
