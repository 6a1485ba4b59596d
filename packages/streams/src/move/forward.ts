/** Moving everything from one stream to another: one way (`copy`) and both ways (`forward`). */

import { type AbortSignalLike, abortReason, onAbort } from "@trunkline/base";
import { type Count, Counter } from "../bytes/counter.js";
import { BrokenStreamError } from "../contract/errors.js";
import type { ObjectStream, ReceiveStream, SendStream, StreamControl } from "../contract/stream.js";

export interface CopyOptions {
  /** Aborts the streams with its reason, which the promise rejects with. */
  readonly signal?: AbortSignalLike | undefined;
}

export interface ForwardOptions extends CopyOptions {
  /** Called once, before the promise settles, and also when it rejects: for counting and logging what a failure has cut off. */
  readonly onFinish?: ((result: ForwardResult) => void) | undefined;
}

export interface ForwardResult {
  readonly aToB: Count;
  readonly bToA: Count;
  /** Which side was the first to end or to break; `undefined` if the signal came before either. */
  readonly endedFirst: "a" | "b" | undefined;
  /** How that first side ended: by its end, or by breaking; `"cancelled"` if the signal came before either. */
  readonly how: "end" | "broken" | "cancelled";
  /** What the promise rejects with; absent when both sides came to their ends. */
  readonly error?: unknown;
}

type Side = "a" | "b";

/**
 * Joins two streams: what one receives, the other sends, ends included, until both have ended. Metadata goes with its message,
 * backpressure goes all the way, and neither stream is closed: both have ended, so that `close()` is immediate.
 *
 * When one side breaks, the other is aborted with the same cause, and the promise rejects with the error; at once where the side
 * has a `brokenSignal`, else when it is next sent to or received from. What the broken side sent last may then be lost.
 * @throws BrokenStreamError, and MetadataNotCarriedError when a message has metadata that the other side cannot carry
 */
export async function forward<A extends {}, B extends {}>(
  a: ObjectStream<A, B>,
  b: ObjectStream<B, A>,
  options: ForwardOptions = {},
): Promise<ForwardResult> {
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
  const sideOf = (stream: StreamControl): Side => (stream === a ? "a" : "b");
  try {
    await joined([a, b], options.signal, (stream) => note(stream && sideOf(stream), stream ? "broken" : "cancelled"), [
      () => pump(a, b, aToB, () => note("a", "end")),
      () => pump(b, a, bToA, () => note("b", "end")),
    ]);
  } catch (error) {
    options.onFinish?.(report({ error }));
    throw error;
  }
  const result = report();
  options.onFinish?.(result);
  return result;
}

/**
 * Moves everything from one stream to another, the end included. When one side breaks, the other is aborted with the same cause,
 * and the promise rejects with the error.
 * @throws BrokenStreamError, and MetadataNotCarriedError when a message has metadata that `to` cannot carry
 */
export async function copy<T extends {}>(
  from: ReceiveStream<T>,
  to: SendStream<T>,
  options: CopyOptions = {},
): Promise<Count> {
  const counter = new Counter();
  await joined([from, to], options.signal, () => {}, [() => pump(from, to, counter, () => {})]);
  return counter.snapshot();
}

/** A failure, and the stream that it is about. */
class SideError {
  readonly stream: StreamControl;
  readonly error: unknown;

  constructor(stream: StreamControl, error: unknown) {
    this.stream = stream;
    this.error = error;
  }
}

/** Rejects with a `SideError`. */
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
 * Does the work. Its first failure, a stream that breaks meanwhile, or the signal aborts all streams, and is what the promise
 * rejects with. `onFailure` is told first, with the stream that failed, if it was one.
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
