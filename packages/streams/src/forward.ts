/** Moving everything from one stream to another: one way (`copy`) and both ways (`forward`). */
import { BrokenStreamError } from "./errors.js";
import type { AbortSignalLike, ObjectStream, ReceiveStream, SendStream, StreamControl } from "./stream.js";
import { abortReason } from "./wait.js";

/** What has been moved in one direction. */
export interface Transferred {
  readonly items: number;
  /** Bytes of the items that are `Uint8Array`; other items count as none. */
  readonly bytes: number;
}

export interface ForwardOptions {
  /** Aborts both streams with its reason, which the promise rejects with. */
  readonly signal?: AbortSignalLike | undefined;
}

export interface ForwardResult {
  readonly aToB: Transferred;
  readonly bToA: Transferred;
  /** Whose end came first; the other direction went on after it. */
  readonly endedFirst: "a" | "b";
}

/**
 * Joins two streams: what one receives, the other sends, ends included, until both have ended. Metadata goes with its message,
 * backpressure goes all the way, and neither stream is closed: both have ended, so that `close()` is immediate.
 *
 * When one side breaks, the other is aborted with the same cause, and the promise rejects with the error.
 * @throws BrokenStreamError, and MetadataNotCarriedError when a message has metadata that the other side cannot carry
 */
export async function forward<A extends {}, B extends {}>(
  a: ObjectStream<A, B>,
  b: ObjectStream<B, A>,
  options: ForwardOptions = {},
): Promise<ForwardResult> {
  const ended: ("a" | "b")[] = [];
  const [aToB, bToA] = await abortingAll([a, b], options.signal, () =>
    Promise.all([pump(a, b, () => ended.push("a")), pump(b, a, () => ended.push("b"))]),
  );
  return { aToB, bToA, endedFirst: ended[0] as "a" | "b" };
}

/**
 * Moves everything from one stream to another, the end included. When one side breaks, the other is aborted with the same cause,
 * and the promise rejects with the error.
 * @throws BrokenStreamError, and MetadataNotCarriedError when a message has metadata that `to` cannot carry
 */
export function copy<T extends {}>(from: ReceiveStream<T>, to: SendStream<T>, options: ForwardOptions = {}): Promise<Transferred> {
  return abortingAll([from, to], options.signal, () => pump(from, to, () => {}));
}

async function pump<T extends {}>(from: ReceiveStream<T>, to: SendStream<T>, onEnd: () => void): Promise<Transferred> {
  let items = 0;
  let bytes = 0;
  for (let message = await from.receiveWithMetadata(); message !== undefined; message = await from.receiveWithMetadata()) {
    const { data, metadata } = message;
    await to.send(data, metadata.size === 0 ? undefined : { metadata });
    items++;
    if (data instanceof Uint8Array) bytes += data.byteLength;
  }
  onEnd();
  await to.sendEof();
  return { items, bytes };
}

/** Does the work; its first failure, or the signal, aborts all streams, and is what the promise rejects with. */
async function abortingAll<T>(streams: readonly StreamControl[], signal: AbortSignalLike | undefined, work: () => Promise<T>): Promise<T> {
  const abortAll = (cause: unknown): void => {
    for (const stream of streams) stream.abort(cause);
  };
  const onAbort = (): void => abortAll(signal === undefined ? undefined : abortReason(signal));
  if (signal?.aborted) onAbort();
  signal?.addEventListener("abort", onAbort);
  try {
    return await work();
  } catch (error) {
    if (signal?.aborted) throw abortReason(signal);
    // Through a chain of forwards the cause stays one and the same, instead of growing a layer with each.
    abortAll(error instanceof BrokenStreamError && error.cause !== undefined ? error.cause : error);
    throw error;
  } finally {
    signal?.removeEventListener("abort", onAbort);
  }
}
