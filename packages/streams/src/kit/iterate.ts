/** Iteration over what a stream receives. */

/**
 * Iterates over what `next` gives, up to `undefined`. Leaving the iteration early touches nothing. It is written
 * without a generator, which would cost three promises an item.
 */
export function iterate<T extends {}>(next: () => Promise<T | undefined>): AsyncIterableIterator<T, undefined> {
  return {
    next: () => next().then(toResult),
    return: () => Promise.resolve({ done: true, value: undefined }),
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

function toResult<T extends {}>(value: T | undefined): IteratorResult<T, undefined> {
  return value === undefined ? { done: true, value } : { done: false, value };
}
