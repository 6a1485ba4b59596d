/** The Burrows-Wheeler transform of a block: the last column of its sorted rotations. */

/**
 * Writes the last column to `into`, and returns the index of the block itself among the sorted rotations. It works by
 * prefix doubling: rotations that are sorted by their first k bytes are sorted by 2k with two counting sorts, so that
 * no input takes more than n log n steps.
 */
export function burrowsWheeler(block: Uint8Array, into: Uint8Array): number {
  const { length } = block;
  let ranks = new Uint32Array(length);
  let nextRanks = new Uint32Array(length);
  const sorted = new Uint32Array(length);
  const shifted = new Uint32Array(length);
  const counts = new Uint32Array(Math.max(256, length) + 1);
  for (let index = 0; index < length; index++) {
    shifted[index] = index;
    ranks[index] = block[index] as number;
  }
  countingSort(shifted, ranks, 256, counts, sorted);
  let classes = rank(sorted, ranks, 0, nextRanks);
  [ranks, nextRanks] = [nextRanks, ranks];
  for (let width = 1; classes < length && width < length; width *= 2) {
    for (let index = 0; index < length; index++) {
      const start = (sorted[index] as number) - width;
      shifted[index] = start < 0 ? start + length : start;
    }
    countingSort(shifted, ranks, classes, counts, sorted);
    classes = rank(sorted, ranks, width, nextRanks);
    [ranks, nextRanks] = [nextRanks, ranks];
  }
  let origin = 0;
  for (let index = 0; index < length; index++) {
    const start = sorted[index] as number;
    if (start === 0) origin = index;
    into[index] = block[start === 0 ? length - 1 : start - 1] as number;
  }
  return origin;
}

/** Sorts `items` by their keys, which are below `classes`. Items with the same key keep their order. */
function countingSort(
  items: Uint32Array,
  keys: Uint32Array,
  classes: number,
  counts: Uint32Array,
  into: Uint32Array,
): void {
  counts.fill(0, 0, classes + 1);
  for (let index = 0; index < keys.length; index++) {
    const slot = (keys[index] as number) + 1;
    counts[slot] = (counts[slot] as number) + 1;
  }
  for (let key = 1; key <= classes; key++) counts[key] = (counts[key] as number) + (counts[key - 1] as number);
  for (let index = 0; index < items.length; index++) {
    const item = items[index] as number;
    const key = keys[item] as number;
    const place = counts[key] as number;
    counts[key] = place + 1;
    into[place] = item;
  }
}

/**
 * Gives equal rotations equal ranks: by their old rank, then by that of the rotation `width` later. Returns the number
 * of ranks.
 */
function rank(sorted: Uint32Array, ranks: Uint32Array, width: number, into: Uint32Array): number {
  const { length } = sorted;
  let current = 0;
  let previous = sorted[0] as number;
  into[previous] = 0;
  for (let index = 1; index < length; index++) {
    const start = sorted[index] as number;
    const later = start + width < length ? start + width : start + width - length;
    const previousLater = previous + width < length ? previous + width : previous + width - length;
    if (ranks[start] !== ranks[previous] || ranks[later] !== ranks[previousLater]) current++;
    into[start] = current;
    previous = start;
  }
  return current + 1;
}
