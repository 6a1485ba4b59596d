/** Rows of a table: filtered by words and sorted by a column. */

/** The order of a table. */
export interface Order {
  readonly column: string;
  readonly isDescending: boolean;
}

/** Returns a test for the rows that contain every word of a filter, in capitals or not. `-word` must not be there. */
export function matcher<Row>(filter: string, textOf: (row: Row) => string): (row: Row) => boolean {
  const words = filter
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== "" && word !== "-");
  if (words.length === 0) return () => true;
  return (row) => {
    const text = textOf(row).toLowerCase();
    return words.every((word) => (word.startsWith("-") ? !text.includes(word.slice(1)) : text.includes(word)));
  };
}

/** Sorts rows in place by a value: numbers by size, text by letters; equal ones keep their order. */
export function sortRows<Row>(rows: Row[], sortValue: (row: Row) => number | string, isDescending: boolean): Row[] {
  const values = new Map(rows.map((row) => [row, sortValue(row)]));
  const sign = isDescending ? -1 : 1;
  return rows.sort((left, right) => sign * compare(values.get(left) ?? 0, values.get(right) ?? 0));
}

function compare(left: number | string, right: number | string): number {
  if (typeof left === "number" && typeof right === "number") return left - right;
  const [a, b] = [String(left), String(right)];
  return a < b ? -1 : a > b ? 1 : 0;
}
