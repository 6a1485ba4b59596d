/** Iterables as streams. In the other direction nothing is needed: every stream is an async iterable. */
import { checkOptionNames, optionNames } from "@trunkline/base";
import { type Attributes, noAttributes } from "../contract/attributes.js";
import type { ReceiveStream } from "../contract/stream.js";
import { receiveStream } from "./receive-stream.js";

/** Options of `streamFromIterable`. */
export interface IterableOptions {
  /** The attributes of the stream. Default: none. */
  readonly attributes?: Attributes;
}

const iterableOptionNames = optionNames<IterableOptions>({ attributes: true });

/**
 * Returns the items of an iterable or async iterable as a stream. The next item is requested when it is wanted. An
 * error of the iterator is the cause of a `BrokenStreamError`, and so is `undefined` or `null` among the items. `close`
 * and `abort` end the iteration as `break` would.
 */
export function streamFromIterable<T extends {}>(
  iterable: AsyncIterable<T> | Iterable<T>,
  options: IterableOptions = {},
): ReceiveStream<T> {
  checkOptionNames("streamFromIterable", options, iterableOptionNames);
  const { attributes = noAttributes } = options;
  let iterator: AsyncIterator<T> | Iterator<T> | undefined;
  return receiveStream<T>({
    async pull() {
      iterator ??= Symbol.asyncIterator in iterable ? iterable[Symbol.asyncIterator]() : iterable[Symbol.iterator]();
      const { done, value } = await iterator.next();
      if (done) return undefined;
      if (value === undefined || value === null)
        throw new TypeError(`the iterable has given ${String(value)}, which is no item of a stream`);
      return value;
    },
    cancel() {
      // A generator finishes its current step first, and an error on its way out concerns no caller.
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
