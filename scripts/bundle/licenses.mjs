/** The licenses of the packages of others whose code is in a bundle, which say that they go with it. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, sep } from "node:path";

/**
 * @param {readonly string[]} modules the paths of all modules in a bundle
 * @returns {string} the licenses, each below the name and the version of its package
 * @throws {Error} where a package does not say under which license it is
 */
export function licensesOf(modules) {
  const folders = new Set(modules.filter((path) => path.includes(`${sep}node_modules${sep}`)).map(folderOf));
  return [...folders]
    .map(licenseOf)
    .sort()
    .join(`\n${"-".repeat(80)}\n\n`);
}

/** @param {string} folder of a package @returns {string} */
function licenseOf(folder) {
  const { name, version, license, repository } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  if (license === undefined) throw new Error(`${name} ${version} is in the bundle, and does not name its license`);
  const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each));
  const source = repository?.url ?? repository ?? "";
  const text = file === undefined ? "" : `\n${readFileSync(join(folder, file), "utf8").trim()}\n`;
  return `${name} ${version}, ${license}, ${source}\n${text}`;
}

/** @param {string} path of a module @returns {string} the folder of its package */
function folderOf(path) {
  let folder = dirname(path);
  const isPackage = () =>
    existsSync(join(folder, "package.json")) &&
    "version" in JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  while (!isPackage()) folder = dirname(folder);
  return folder;
}
