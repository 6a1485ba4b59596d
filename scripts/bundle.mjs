/**
 * Bundles a built package, as it is published: each entry of its `exports`, `imports` and `bin` is one file, what
 * several entries share or what is loaded later is a file in `dist/chunks`, and source maps lead to `src`. A program
 * that loads a few files starts sooner than one that loads two hundred. The declarations stay as they are.
 */
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { rolldown } from "rolldown";

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

/** @param {string} folder */
async function bundledFiles(folder) {
  const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const bundle = await rolldown({
    cwd: resolve(folder),
    input: Object.fromEntries(entriesOf(manifest).map((path) => [path.replace(/^\.\/dist\/|\.js$/g, ""), path])),
    platform: "node",
    // Other packages, and the module that a condition in this package's `imports` chooses.
    external: (id) => !id.startsWith(".") && !isAbsolute(id),
    plugins: [sourceMaps],
  });
  const { output } = await bundle.generate(outputOptions);
  await bundle.close();
  return output;
}

/** @param {string} dist @param {import("rolldown").RolldownOutput["output"]} files */
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
  sourcemap: true,
  // The sources are published, too, with their comments.
  comments: { jsdoc: false },
  entryFileNames: "[name].js",
  chunkFileNames: "chunks/[name]-[hash].js",
};

/**
 * The modules that others import by a name of the package, or run: those that the conditions for users choose.
 * @param {{ exports?: object, imports?: object, bin?: object }} manifest
 * @returns {string[]}
 */
function entriesOf({ exports = {}, imports = {}, bin = {} }) {
  const targets = [...Object.values(exports), ...Object.values(imports)].map((target) => target.default);
  return [...targets, ...Object.values(bin)].filter((path) => path?.endsWith(".js"));
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
