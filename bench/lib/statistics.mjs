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

/** The t values that 95 % of a t distribution lie within, for 1 to 30 degrees of freedom; above, the normal one's. */
const t95 = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131, 2.12, 2.11,
  2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042,
];

/**
 * Returns the geometric mean of ratios with its 95 % interval: Student's t on their logarithms.
 * @param {readonly number[]} ratios at least two, all above zero
 * @returns {{ ratio: number, low: number, high: number }}
 */
export function ratioInterval(ratios) {
  const logarithms = ratios.map((each) => Math.log(each));
  const mean = logarithms.reduce((sum, each) => sum + each, 0) / logarithms.length;
  const variance = logarithms.reduce((sum, each) => sum + (each - mean) ** 2, 0) / (logarithms.length - 1);
  const half = (t95[logarithms.length - 2] ?? 1.96) * Math.sqrt(variance / logarithms.length);
  return { ratio: Math.exp(mean), low: Math.exp(mean - half), high: Math.exp(mean + half) };
}
