/** The test files of a package by their distance from a source: the nearest ones find its mutants first. */
import { readdirSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { importGraph } from "../circles/graph.mjs";

/**
 * Returns the test files that reach a source by imports, nearest first; of those at one distance, the ones in the
 * folder of the same name come first.
 * @param {string} folder the package
 * @param {string} source relative to the package
 * @returns {string[]} relative to the package
 */
export function testsOf(folder, source) {
  const graph = importGraph(folder, ["src", "test"]);
  /** @type {Map<string, string[]>} */
  const importers = new Map();
  for (const [file, imports] of graph) {
    for (const imported of imports) importers.set(imported, [...(importers.get(imported) ?? []), file]);
  }
  const distance = new Map([[source, 0]]);
  const queue = [source];
  for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
    for (const importer of importers.get(file) ?? []) {
      if (distance.has(importer)) continue;
      distance.set(importer, (distance.get(file) ?? 0) + 1);
      queue.push(importer);
    }
  }
  const mirror = dirname(source).replace(/^src/, "test");
  const name = source.replace(/^.*\//, "").replace(/\.ts$/, "");
  const order = (test) => [
    test.includes(`/${name}`) ? 0 : 1,
    dirname(test) === mirror ? 0 : 1,
    distance.get(test) ?? 0,
  ];
  return [...distance.keys()]
    .filter((file) => file.endsWith(".test.ts"))
    .map((test) => ({ test, key: order(test) }))
    .sort((a, b) => a.key[0] - b.key[0] || a.key[1] - b.key[1] || a.key[2] - b.key[2] || (a.test < b.test ? -1 : 1))
    .map(({ test }) => test);
}

/**
 * Returns the sources that may be mutated: all but generated ones and lists of exports.
 * @param {string} folder the package
 * @returns {string[]} relative to the package
 */
export function sourcesOf(folder) {
  return readdirSync(join(folder, "src"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts") && entry.name !== "index.ts")
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .filter((file) => !file.includes("/gen/"))
    .sort();
}
