/**
 * The end of a stream, for `BaseStream` and for carriers that are composed without it: the end is sent once, and
 * closing is bounded by a time limit. Knows no stream, only the steps that it is given.
 */
import { type AbortSignalLike, abortable, type Clock } from "@trunkline/base";
import { BrokenStreamError, ClosedStreamError } from "../contract/errors.js";
import { type CloseOptions, defaultCloseTimeoutMs } from "../contract/stream.js";
import { closeOptionsRefusal } from "./option-refusal.js";

/** The end of what a stream sends. It is sent once, and again only if that failed. */
export class OutputEnd {
  #sending: Promise<void> | undefined = undefined;
  #sent = false;

  /** True once `send` has been called, unless it failed. */
  get begun(): boolean {
    return this.#sending !== undefined;
  }

  /** True once the end has been sent. */
  get sent(): boolean {
    return this.#sent;
  }

  /** Sends the end by `endOutput`. Later calls join the first one; `signal` ends only the wait. */
  send(endOutput: () => Promise<void>, signal: AbortSignalLike | undefined): Promise<void> {
    if (this.#sending === undefined) {
      this.#sending = endOutput();
      this.#sending.then(
        () => {
          this.#sent = true;
        },
        () => {
          this.#sending = undefined;
        },
      );
    }
    return abortable(this.#sending, signal);
  }
}

/** Returns why a stream whose attribute `streamClock` is `clock` cannot be closed with these options. */
export function closeRefusal(options: CloseOptions, clock: Clock | undefined): RangeError | TypeError | undefined {
  const refusal = closeOptionsRefusal(options);
  if (refusal !== undefined) return refusal;
  const { closeTimeoutMs } = options;
  if (closeTimeoutMs === undefined) return undefined;
  if (!(closeTimeoutMs >= 0)) return new RangeError(`closeTimeoutMs must not be below zero, but is ${closeTimeoutMs}`);
  if (clock !== undefined) return undefined;
  return new TypeError(
    `closeTimeoutMs (${closeTimeoutMs}) needs a clock, and no layer of this stream has one (attribute streamClock)`,
  );
}

/** The steps by which a stream closes. */
export interface ClosingSteps {
  sendEof(): Promise<void>;
  /** Reads no more. Settles when nothing more can come; `eofSent` settles as the end that is being sent does. */
  discardInput(eofSent: Promise<void>): Promise<void>;
  abort(reason: unknown): void;
}

/**
 * Sends the end and discards the input at the same time. Aborts when that fails, or takes longer than the time limit.
 * @throws BrokenStreamError when the stream broke before its end was sent, or with code `CLOSE_TIMEOUT`
 */
export async function closeWithin(
  clock: Clock | undefined,
  closeTimeoutMs: number | undefined,
  steps: ClosingSteps,
): Promise<void> {
  const limitMs = closeTimeoutMs ?? defaultCloseTimeoutMs;
  let late: BrokenStreamError | undefined;
  const cancel = clock?.at(
    clock.nowMs() + limitMs,
    () => {
      late = new BrokenStreamError(`closing took longer than closeTimeoutMs (${limitMs})`, {
        code: "CLOSE_TIMEOUT",
      });
      steps.abort(late);
    },
    "watch",
  );
  try {
    // Both at once: the other side may be unable to read our end before its own output is taken.
    const eofSent = steps.sendEof();
    await Promise.all([eofSent, steps.discardInput(eofSent).catch(() => {})]);
  } catch (error) {
    steps.abort(error);
    if (late !== undefined) throw late;
    if (!(error instanceof ClosedStreamError)) throw error; // a ClosedStreamError: this side has aborted it
  } finally {
    cancel?.();
  }
}
