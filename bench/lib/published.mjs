/**
 * The packages in the form in which they are published, and the benchmarks beside them, in a folder from which every
 * other dependency is found as well. A cold start is measured with it: a user never loads the modules one by one.
 */
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { bundlePackage } from "../../scripts/bundle.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = join(root, "node_modules/.cache/trunkline-published");

/**
 * Bundles the packages as they are built now.
 * @returns {Promise<string>} the `child.mjs` that runs subjects with them
 */
export async function publishedChild() {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(join(root, "packages"))) {
    const from = join(root, "packages", name);
    const { name: full } = JSON.parse(readFileSync(join(from, "package.json"), "utf8"));
    const to = join(folder, "node_modules", full);
    for (const part of ["package.json", "dist"]) cpSync(join(from, part), join(to, part), { recursive: true });
    await bundlePackage(to);
  }
  const bench = join(root, "bench");
  cpSync(bench, join(folder, "bench"), { recursive: true, filter: (path) => !path.includes(`${sep}go${sep}`) });
  return join(folder, "bench/child.mjs");
}
