/** The failures of several addresses or endpoints in one message, which stays short however many they are. */

/** The number of failures that a message names; the others are counted. */
const maxNamed = 10;

/** Returns the failures as text. @param what the plural of what has failed, for those that are only counted */
export function namedFailures<Failure>(
  failures: readonly Failure[],
  textOf: (failure: Failure) => string,
  what: string,
): string {
  const named = failures.slice(0, maxNamed).map(textOf);
  if (failures.length > maxNamed) named.push(`${failures.length - maxNamed} more ${what} failed`);
  return named.join("; ");
}
