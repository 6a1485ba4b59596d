/**
 * The import graph of a package's sources, and the circles in it. Imports of types count as imports: a circle of types
 * is as hard to read as one of values.
 */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";

/**
 * Returns for each source below a folder the sources that it imports by a relative path, all relative to the folder.
 * @param {string} folder
 * @param {readonly string[]} under the subfolders to read; all of them by default
 * @returns {Map<string, string[]>}
 */
export function importGraph(folder, under = ["."]) {
  const files = under
    .flatMap((each) => readdirSync(join(folder, each), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && /\.(ts|mts|mjs)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
  const known = new Set(files);
  /** @type {Map<string, string[]>} */
  const graph = new Map();
  for (const file of files.sort()) {
    const targets = importedPaths(readFileSync(file, "utf8"))
      .map((path) => join(dirname(file), path))
      .map((path) =>
        [path, path.replace(/\.js$/, ".ts"), path.replace(/\.mjs$/, ".mts")].find((each) => known.has(each)),
      );
    const found = targets.filter((target) => target !== undefined && target !== file);
    graph.set(name(folder, file), [...new Set(found.map((target) => name(folder, target)))].sort());
  }
  return graph;
}

/** @param {string} folder @param {string} file @returns {string} */
function name(folder, file) {
  return relative(folder, file).split(sep).join("/");
}

/**
 * Returns the relative paths that a source imports or exports from, those of `import("…")` and of types included.
 * @param {string} source
 * @returns {string[]}
 */
export function importedPaths(source) {
  const code = source.replace(/^\s*\/\*[\s\S]*?\*\//gm, "").replace(/^\s*\/\/.*$/gm, "");
  const pattern = /(?:\bfrom\s*|\bimport\s*\(\s*|^\s*import\s*)(["'])(\.{1,2}\/[^"']+)\1/gm;
  return [...code.matchAll(pattern)].map((match) => match[2]);
}

/**
 * Returns the circles between files and those between folders. In each folder, its files and its subfolders are the
 * nodes: two of them must not reach each other. A circle is a list of nodes that import the next one; each group of
 * nodes that reach each other is reported once, by a shortest circle in it.
 * @param {Map<string, string[]>} graph
 * @returns {{ kind: "files" | "folders", path: string[], because: string[] }[]}
 */
export function circles(graph) {
  const ofFiles = groups(graph).map((group) => ({ kind: "files", path: shortest(graph, group, group), because: [] }));
  const ofFolders = [...foldersOf(graph)].flatMap((folder) => {
    const { children, edges } = contract(graph, folder);
    return groups(children)
      .map((group) => ({ group, folders: group.filter((node) => !graph.has(node)) }))
      .filter(({ folders }) => folders.length > 0)
      .map(({ group, folders }) => shortest(children, group, folders))
      .map((path) => ({
        kind: "folders",
        path,
        because: path.slice(1).map((node, index) => edges.get(`${path[index]} ${node}`) ?? ""),
      }));
  });
  return [...ofFiles, ...ofFolders];
}

/** @param {Map<string, string[]>} graph @returns {Set<string>} all folders that hold files, "" being the root */
function foldersOf(graph) {
  const folders = new Set([""]);
  for (const file of graph.keys()) {
    const parts = file.split("/").slice(0, -1);
    for (let depth = 1; depth <= parts.length; depth++) folders.add(parts.slice(0, depth).join("/"));
  }
  return folders;
}

/**
 * Contracts the graph to the children of one folder; `edges` has an example of files for each arrow.
 * @param {Map<string, string[]>} graph
 * @param {string} folder
 */
function contract(graph, folder) {
  /** @type {Map<string, string[]>} */
  const children = new Map();
  /** @type {Map<string, string>} */
  const edges = new Map();
  for (const [file, imports] of graph) {
    const from = childOf(folder, file);
    if (from === undefined) continue;
    const targets = children.get(from) ?? [];
    children.set(from, targets);
    for (const imported of imports) {
      const to = childOf(folder, imported);
      if (to === undefined || to === from) continue;
      targets.push(to);
      if (!edges.has(`${from} ${to}`)) edges.set(`${from} ${to}`, `${file} imports ${imported}`);
    }
  }
  return { children, edges };
}

/** @param {string} folder @param {string} file @returns {string | undefined} */
function childOf(folder, file) {
  const prefix = folder === "" ? "" : `${folder}/`;
  if (!file.startsWith(prefix)) return undefined;
  const rest = file.slice(prefix.length);
  return rest.includes("/") ? `${prefix}${rest.slice(0, rest.indexOf("/"))}` : file;
}

/**
 * Returns the groups of nodes that reach each other (Tarjan's strongly connected components with more than one node).
 * @param {Map<string, string[]>} graph
 * @returns {string[][]}
 */
function groups(graph) {
  const index = new Map();
  const low = new Map();
  const stack = [];
  const found = [];
  const visit = (node) => {
    index.set(node, index.size);
    low.set(node, index.get(node));
    stack.push(node);
    for (const next of graph.get(node) ?? []) {
      if (!index.has(next)) visit(next);
      if (stack.includes(next)) low.set(node, Math.min(low.get(node), low.get(next)));
    }
    if (low.get(node) !== index.get(node)) return;
    const group = stack.splice(stack.indexOf(node));
    if (group.length > 1) found.push(group);
  };
  for (const node of graph.keys()) if (!index.has(node)) visit(node);
  return found;
}

/**
 * Returns a shortest circle within a group that goes through one of some nodes, which it begins and ends with.
 * @param {Map<string, string[]>} graph
 * @param {string[]} group
 * @param {string[]} starts
 * @returns {string[]}
 */
function shortest(graph, group, starts) {
  const inside = new Set(group);
  let best;
  for (const start of [...starts].sort()) {
    const queue = [[start]];
    const seen = new Set();
    while (queue.length > 0 && (best === undefined || queue[0].length < best.length)) {
      const path = queue.shift();
      for (const next of graph.get(path.at(-1)) ?? []) {
        if (next === start && (best === undefined || path.length + 1 < best.length)) best = [...path, next];
        if (!inside.has(next) || seen.has(next) || next === start) continue;
        seen.add(next);
        queue.push([...path, next]);
      }
    }
  }
  return best ?? group;
}
