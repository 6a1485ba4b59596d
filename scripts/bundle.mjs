/**
 * Bundles a built package, as it is published: each entry of its `exports`, `imports` and `bin` is one file, and what
 * several entries share or what is loaded later is a file in `dist/chunks`. A program that loads a few files starts
 * sooner than one that loads two hundred. The declarations stay as they are. Source maps of a library lead to `src`.
 *
 * A package that is a program (`bin`) holds all that it imports, of other packages too: it is installed as one package,
 * and starts in two thirds of the time.
 */
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import { licensesOf } from "./bundle/licenses.mjs";
import { pageInside } from "./bundle/page-inside.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));

/**
 * Replaces the modules in the `dist` of a package by bundled ones.
 * @param {string} folder the package's
 * @returns {Promise<number>} the number of modules that are left
 */
export async function bundlePackage(folder) {
  const files = await bundledFiles(folder);
  const dist = resolve(folder, "dist");
  for (const path of modulesIn(dist)) rmSync(path);
  writeFiles(dist, files);
  return files.filter(({ type }) => type === "chunk").length;
}

/**
 * Writes a package as it is published, without declarations and pages, to another folder.
 * @param {string} folder the package's
 * @param {string} target
 */
export async function publishTo(folder, target) {
  const files = await bundledFiles(folder);
  cpSync(join(folder, "dist"), join(target, "dist"), {
    recursive: true,
    filter: (path) => !/\.(?:js|d\.ts|map|tsbuildinfo)$/.test(path) || path.includes(join("dist", "page")),
  });
  cpSync(join(folder, "package.json"), join(target, "package.json"));
  writeFiles(join(target, "dist"), files);
}

/**
 * Bundles a program with all that it imports, but for the packages that users may or may not have.
 * @param {string} folder the package's
 * @param {{ isOneFile?: boolean }} [options] `isOneFile`: what is loaded later is in the same file
 * @returns {Promise<BundledFile[]>} the modules, and the licenses of others' code in them
 * @throws {Error} where it would import a package that nobody installs with it
 */
export async function bundleProgram(folder, { isOneFile = false } = {}) {
  const optional = optionalPeers();
  const output = await bundle(
    folder,
    { external: (id) => optional.has(id), plugins: [pageInside] },
    { ...outputOptions, codeSplitting: !isOneFile },
  );
  const chunks = output.filter((file) => file.type === "chunk");
  const own = new Set(output.map(({ fileName }) => fileName));
  const missing = chunks
    .flatMap(({ imports, dynamicImports }) => [...imports, ...dynamicImports])
    .filter((name) => !own.has(name) && !isBuiltin(name) && !optional.has(name));
  if (missing.length > 0) throw new Error(`the bundle would import ${missing.join(", ")}`);
  const modules = chunks.flatMap(({ moduleIds }) => moduleIds);
  return [...output, { type: "asset", fileName: "LICENSES.txt", source: licensesOf(modules) }];
}

/**
 * @typedef {{ type: "asset", fileName: string, source: string | Uint8Array }
 *   | { type: "chunk", fileName: string, code: string }} BundledFile
 */

/** @param {string} folder @returns {Promise<BundledFile[]>} */
async function bundledFiles(folder) {
  if (manifestOf(folder).bin !== undefined) return bundleProgram(folder);
  return bundle(
    folder,
    // Other packages, and the module that a condition in this package's `imports` chooses.
    { external: (id) => !id.startsWith(".") && !isAbsolute(id), plugins: [sourceMaps] },
    { ...outputOptions, sourcemap: true },
  );
}

/**
 * @param {string} folder
 * @param {import("rolldown").InputOptions} input
 * @param {import("rolldown").OutputOptions} output
 */
async function bundle(folder, input, output) {
  const entries = entriesOf(manifestOf(folder));
  const made = await rolldown({
    cwd: resolve(folder),
    input: Object.fromEntries(entries.map((path) => [path.replace(/^\.\/dist\/|\.js$/g, ""), path])),
    platform: "node",
    ...input,
  });
  const { output: files } = await made.generate(output);
  await made.close();
  return files;
}

/** @param {string} dist @param {BundledFile[]} files */
function writeFiles(dist, files) {
  for (const file of files) {
    const path = join(dist, file.fileName);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, file.type === "chunk" ? file.code : file.source);
  }
}

/** @type {import("rolldown").OutputOptions} */
const outputOptions = {
  format: "esm",
  dir: "dist",
  // The sources are published, too, with their comments.
  comments: { jsdoc: false },
  entryFileNames: "[name].js",
  chunkFileNames: "chunks/[name]-[hash].js",
};

/** @param {string} folder */
function manifestOf(folder) {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
}

/**
 * The modules that others import by a name of the package, or run: those that the conditions for users choose.
 * @param {{ exports?: object, imports?: object, bin?: object }} manifest
 * @returns {string[]}
 */
function entriesOf({ exports = {}, imports = {}, bin = {} }) {
  const targets = [...Object.values(exports), ...Object.values(imports)].map((target) => target.default);
  return [...targets, ...Object.values(bin)].filter((path) => path?.endsWith(".js"));
}

/** @returns {Set<string>} the packages that users of a package may or may not have */
function optionalPeers() {
  const manifests = readdirSync(join(root, "packages")).map((name) => manifestOf(join(root, "packages", name)));
  return new Set(manifests.flatMap(({ peerDependenciesMeta = {} }) => Object.keys(peerDependenciesMeta)));
}

/** Reads the map that the compiler has written beside a module. @type {import("rolldown").Plugin} */
const sourceMaps = {
  name: "source-maps",
  load(id) {
    return { code: readFileSync(id, "utf8"), map: readFileSync(`${id}.map`, "utf8") };
  },
};

/** @param {string} dist @returns {string[]} the modules in it, and their maps */
function modulesIn(dist) {
  return readdirSync(dist, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.js(\.map)?$/.test(name))
    .map((name) => join(dist, name));
}
