/** Iterables as streams. The other way round every stream is an async iterable by itself. */
import { type Attributes, noAttributes } from "../contract/attributes.js";
import type { ReceiveStream } from "../contract/stream.js";
import { receiveStream } from "./receive-stream.js";

export interface IterableOptions {
  readonly attributes?: Attributes;
}

/**
 * Whatever can be iterated over, as a stream. The next item is asked for when it is wanted. What the iterator throws is the cause of a
 * `BrokenStreamError`; `close` and `abort` end the iteration as `break` would.
 */
export function streamFromIterable<T extends {}>(
  iterable: AsyncIterable<T> | Iterable<T>,
  { attributes = noAttributes }: IterableOptions = {},
): ReceiveStream<T> {
  let iterator: AsyncIterator<T> | Iterator<T> | undefined;
  return receiveStream<T>({
    async pull() {
      iterator ??= Symbol.asyncIterator in iterable ? iterable[Symbol.asyncIterator]() : iterable[Symbol.iterator]();
      const { done, value } = await iterator.next();
      return done ? undefined : value;
    },
    cancel() {
      // A generator finishes the step it is at first, and what it throws on its way out is nobody's.
      void returned(iterator);
    },
    closeCancels: true,
    attributes,
  });
}

async function returned(iterator: AsyncIterator<unknown> | Iterator<unknown> | undefined): Promise<void> {
  try {
    await iterator?.return?.();
  } catch {}
}
