/**
 * Sources that hold many mutants at once. Each is behind a switch, `globalThis.trunklineMutant(id)`, which says at run
 * time whether that mutant is the one to try and notes that its place was reached. So a warm process tries hundreds of
 * mutants without a source being read again.
 */

/**
 * @typedef {import("./mutants.mjs").Mutant & { id: number }} NumberedMutant
 */

/**
 * Returns a source with mutants behind switches.
 * @param {string} source
 * @param {readonly NumberedMutant[]} mutants
 * @returns {string}
 */
export function withSwitches(source, mutants) {
  /** @type {Map<string, NumberedMutant[]>} */
  const scopes = new Map();
  for (const mutant of mutants) {
    const scope = mutant.scope.join();
    scopes.set(scope, [...(scopes.get(scope) ?? []), mutant]);
  }
  // The outer ones first: the original within a switch may hold further switches, the mutants hold none.
  const groups = [...scopes.values()].sort(([{ scope: a }], [{ scope: b }]) => a[0] - b[0] || b[1] - a[1]);

  function render(start, end) {
    let text = "";
    let at = start;
    while (groups.length > 0 && groups[0][0].scope[0] < end) {
      const group = /** @type {NumberedMutant[]} */ (groups.shift());
      const [from, to] = group[0].scope;
      text += source.slice(at, from) + switched(group, render(from, to));
      at = to;
    }
    return text + source.slice(at, end);
  }

  /** @param {readonly NumberedMutant[]} group of one scope @param {string} original */
  function switched(group, original) {
    const { isStatement } = group[0];
    return group.reduceRight((otherwise, { id, start, end, replacement, scope }) => {
      if (isStatement) return `{ if (!globalThis.trunklineMutant(${id})) ${otherwise} }`;
      const changed = source.slice(scope[0], start) + replacement + source.slice(end, scope[1]);
      return `(globalThis.trunklineMutant(${id}) ? (${changed}) : (${otherwise}))`;
    }, original);
  }

  return render(0, source.length);
}
