/** `copy` and `forward`: move everything from one stream to another, one way or both ways. */

import { type AbortSignalLike, abortReason, checkOptionNames, onAbort, optionNames } from "@trunkline/base";
import { type Count, Counter } from "../bytes/counter.js";
import { BrokenStreamError } from "../contract/errors.js";
import type { ObjectStream, ReceiveStream, SendStream, StreamControl } from "../contract/stream.js";
import { GuardedObserver } from "../kit/guarded-observer.js";

/** Options of `copy`. */
export interface CopyOptions {
  /** Aborts the streams with its reason, which the promise rejects with. */
  readonly signal?: AbortSignalLike | undefined;
}

const copyOptionNames = optionNames<CopyOptions>({ signal: true });

/** Options of `forward`. */
export interface ForwardOptions extends CopyOptions {
  /**
   * Called once, before the promise settles, also when it rejects: for counting and logging what a failure has cut off.
   * An error of it changes nothing.
   */
  readonly onFinish?: ((result: ForwardResult) => void) | undefined;
}

const forwardOptionNames = optionNames<ForwardOptions>({ signal: true, onFinish: true });

/** The result of `forward`. */
export interface ForwardResult {
  /** The count of what has gone from `a` to `b`. */
  readonly aToB: Count;
  /** The count of what has gone from `b` to `a`. */
  readonly bToA: Count;
  /** The side that was the first to end or to break; `undefined` if the signal came before either. */
  readonly endedFirst: "a" | "b" | undefined;
  /**
   * The way in which that first side ended: by its end, or by breaking; `"cancelled"` if the signal came before either.
   */
  readonly how: "end" | "broken" | "cancelled";
  /** The error with which the promise rejects; absent when both sides came to their ends. */
  readonly error?: unknown;
}

type Side = "a" | "b";

/**
 * Joins two streams: sends to each what the other receives, ends included, until both have ended. Metadata goes with
 * its message, and backpressure goes all the way. Neither stream is closed; since both have ended, their `close()` is
 * immediate.
 *
 * When one side breaks, the other is aborted with the same cause, and the promise rejects with the error. This happens
 * at once where the side has a `brokenSignal`, else when it is next sent to or received from. The last items of the
 * broken side may then be lost.
 * @throws BrokenStreamError, and MetadataNotCarriedError when a message has metadata that the other side cannot carry
 */
export async function forward<A extends {}, B extends {}>(
  a: ObjectStream<A, B>,
  b: ObjectStream<B, A>,
  options: ForwardOptions = {},
): Promise<ForwardResult> {
  checkOptionNames("forward", options, forwardOptionNames);
  const aToB = new Counter();
  const bToA = new Counter();
  let first: { readonly side: Side | undefined; readonly how: ForwardResult["how"] } | undefined;
  const note = (side: Side | undefined, how: ForwardResult["how"]): void => {
    first ??= { side, how };
  };
  const report = (failure?: { readonly error: unknown }): ForwardResult => ({
    aToB: aToB.snapshot(),
    bToA: bToA.snapshot(),
    endedFirst: first?.side,
    how: first?.how ?? "cancelled",
    ...failure,
  });
  const finish = (result: ForwardResult): void => new GuardedObserver().call(() => options.onFinish?.(result));
  const sideOf = (stream: StreamControl): Side => (stream === a ? "a" : "b");
  try {
    await joined([a, b], options.signal, (stream) => note(stream && sideOf(stream), stream ? "broken" : "cancelled"), [
      () => pump(a, b, aToB, () => note("a", "end")),
      () => pump(b, a, bToA, () => note("b", "end")),
    ]);
  } catch (error) {
    finish(report({ error }));
    throw error;
  }
  const result = report();
  finish(result);
  return result;
}

/**
 * Moves everything from one stream to another, the end included. When one side breaks, the other is aborted with the
 * same cause, and the promise rejects with the error.
 * @throws BrokenStreamError, and MetadataNotCarriedError when a message has metadata that `to` cannot carry
 */
export async function copy<T extends {}>(
  from: ReceiveStream<T>,
  to: SendStream<T>,
  options: CopyOptions = {},
): Promise<Count> {
  checkOptionNames("copy", options, copyOptionNames);
  const counter = new Counter();
  await joined([from, to], options.signal, () => {}, [() => pump(from, to, counter, () => {})]);
  return counter.snapshot();
}

/** A failure together with the stream that has failed. */
class SideError {
  readonly stream: StreamControl;
  readonly error: unknown;

  constructor(stream: StreamControl, error: unknown) {
    this.stream = stream;
    this.error = error;
  }
}

/** Moves the items of one direction and its end. Rejects with a `SideError`. */
async function pump<T extends {}>(
  from: ReceiveStream<T>,
  to: SendStream<T>,
  counter: Counter,
  onEnd: () => void,
): Promise<void> {
  let side: StreamControl = from;
  try {
    for (
      let message = await from.receiveWithMetadata();
      message !== undefined;
      message = await from.receiveWithMetadata()
    ) {
      const { data, metadata } = message;
      side = to;
      await to.send(data, metadata.size === 0 ? undefined : { metadata });
      counter.add(data);
      side = from;
    }
    onEnd();
    side = to;
    await to.sendEof();
  } catch (error) {
    throw new SideError(side, error);
  }
}

/**
 * Does the work. Its first failure, a stream that breaks meanwhile, or the signal aborts all streams, and the promise
 * rejects with its error. `onFailure` is called before that, with the stream that has failed, if it was one.
 */
function joined(
  streams: readonly StreamControl[],
  signal: AbortSignalLike | undefined,
  onFailure: (stream: StreamControl | undefined) => void,
  work: readonly (() => Promise<void>)[],
): Promise<void> {
  const forget: (() => void)[] = [];
  let failed = false;
  const done = new Promise<void>((resolve, reject) => {
    const fail = (stream: StreamControl | undefined, error: unknown): void => {
      if (failed) return;
      failed = true;
      onFailure(stream);
      // Through a chain of forwards the cause stays one and the same, instead of growing a layer with each.
      const cause =
        stream !== undefined && error instanceof BrokenStreamError && error.cause !== undefined ? error.cause : error;
      for (const one of streams) one.abort(cause);
      reject(error);
    };
    const watch = (source: AbortSignalLike | undefined, stream: StreamControl | undefined): void => {
      if (source === undefined || failed) return;
      const onSignal = (): void => fail(stream, abortReason(source));
      forget.push(onAbort(source, onSignal));
      if (source.aborted) onSignal();
    };
    watch(signal, undefined);
    for (const stream of streams) watch(stream.brokenSignal, stream);
    if (failed) return;
    Promise.all(work.map((one) => one())).then(
      () => resolve(),
      (failure: unknown) =>
        failure instanceof SideError ? fail(failure.stream, failure.error) : fail(undefined, failure),
    );
  });
  return done.finally(() => {
    for (const one of forget) one();
  });
}
