/**
 * The sizes of tests. The quick suite takes those that show a fault soon; `npm run test:large` takes what is too long
 * for it: every place instead of some, megabytes instead of kilobytes.
 */

/** Whether this is a run of `npm run test:large`. */
export const isLarge: boolean = process.env["TRUNKLINE_TEST_SIZES"] === "large";

/** Returns the first number in the quick suite, and the second one in a large run. */
export function sized(quick: number, large: number): number {
  return isLarge ? large : quick;
}

/** The titles of the tests of the compliance suite that move megabytes where a stream holds megabytes. */
const heavy = /^(?:a send too many|a sender stops|close discards|close with a limit|an abort ends|a send that is)/;

/**
 * Returns the tests of the compliance suite for a stream that holds megabytes: in the quick suite those that fill it
 * fill it in one direction.
 */
export function quickOf<T extends { readonly title: string }>(tests: readonly T[]): T[] {
  return tests.filter(({ title }) => isLarge || !(heavy.test(title) && title.endsWith("(second to first)")));
}
