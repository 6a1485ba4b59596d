/**
 * The packages in the form in which they are published, and the benchmarks beside them, in a folder from which every
 * other dependency is found as well. A cold start is measured with it: a user never loads the modules one by one.
 */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const here = fileURLToPath(new URL("../..", import.meta.url));

/**
 * Bundles the packages as they are built now; those of a checkout that publishes them as they are, are left so.
 * @param {string} [root] the checkout. Default: this one
 * @returns {Promise<string>} the `child.mjs` that runs subjects with them
 */
export async function publishedChild(root = here) {
  const folder = join(root, "node_modules/.cache/trunkline-published");
  const bundler = join(root, "scripts/bundle.mjs");
  const { bundlePackage } = existsSync(bundler) ? await import(pathToFileURL(bundler).href) : {};
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(join(root, "packages"))) {
    const from = join(root, "packages", name);
    const { name: full } = JSON.parse(readFileSync(join(from, "package.json"), "utf8"));
    const to = join(folder, "node_modules", full);
    for (const part of ["package.json", "dist"]) cpSync(join(from, part), join(to, part), { recursive: true });
    await bundlePackage?.(to);
  }
  const bench = join(root, "bench");
  cpSync(bench, join(folder, "bench"), { recursive: true, filter: (path) => !path.includes(`${sep}go${sep}`) });
  return join(folder, "bench/child.mjs");
}
