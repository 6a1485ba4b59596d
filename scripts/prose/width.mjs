/** The number of columns that a line of code or prose may have. It is biome's `lineWidth`, too. */
export const maxColumns = 120;

/**
 * Returns the lines that are wider than 120 columns. Rows of tables may be wide, and so may lines that a URL makes wide.
 * @param {string} text
 * @returns {{ line: number, columns: number }[]}
 */
export function wideLines(text) {
  return text.split("\n").flatMap((content, index) => {
    const columns = [...content].length;
    if (columns <= maxColumns || /^\s*(\/\/ |\* )?\|.*\|\s*$/.test(content)) return [];
    return [...content.replace(/(https?:)\/\/\S+/g, "$1")].length <= maxColumns ? [] : [{ line: index + 1, columns }];
  });
}
