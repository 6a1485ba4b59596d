/** The text that h2spec and h2specd print, read back into cases. */

const groups = [
  ["Generic tests", "generic"],
  ["Hypertext Transfer Protocol", "http2"],
  ["HPACK", "hpack"],
];
const section = /^\s*(\d+(?:\.\d+)*)\. /;
const verdict = /^\s*([^\s\d:]+) (\d+): (.*)$/; // a tick, a cross, or another mark for a case that was skipped

/**
 * @param {string} text
 * @returns {import("./outcome.mjs").CaseResult[]} with ids such as `http2/5.1.1/2`
 */
export function readReport(text) {
  /** @type {Map<string, import("./outcome.mjs").CaseResult>} */
  const cases = new Map();
  let group = "";
  let number = "";
  // A case is announced on its line and then written over by its verdict.
  for (const line of text.split(/[\r\n]/)) {
    if (line.startsWith("Failures:")) break; // what follows repeats the failed ones with details
    group = groups.find(([title]) => line.startsWith(title))?.[1] ?? group;
    number = section.exec(line)?.[1] ?? number;
    const found = verdict.exec(line);
    if (found === null) continue;
    const [, mark, index, title] = found;
    const id = `${group}/${number}/${index}`;
    cases.set(id, { id, title, passed: mark === "✔" });
  }
  return [...cases.values()];
}
