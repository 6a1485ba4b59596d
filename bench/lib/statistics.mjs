/** Medians, and ratios that a drifting machine does not spoil. */

/** @param {readonly number[]} values at least one */
export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = /** @type {number} */ (sorted[middle]);
  return sorted.length % 2 === 1 ? upper : /** @type {number} */ (sorted[middle - 1] + upper) / 2;
}

/**
 * The median of the ratios within each round. The machine may be twice as slow in one round as in another, but hardly
 * between neighbours within one.
 * @param {readonly (number | undefined)[]} values by round; undefined where the run failed
 * @param {readonly (number | undefined)[]} base the same rounds
 * @returns {number | undefined} undefined without a round that both have
 */
export function medianRatio(values, base) {
  const ratios = values.flatMap((value, round) => {
    const other = base[round];
    return value === undefined || other === undefined || other <= 0 ? [] : [value / other];
  });
  return ratios.length === 0 ? undefined : median(ratios);
}
