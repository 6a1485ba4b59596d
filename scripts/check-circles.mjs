/**
 * `npm run check:circles [-- FOLDER…]`: refuses circles of imports within the sources of each package (or of the given
 * folders), between files and between folders, with imports of types. It ends with 1 if there are any.
 */
import { existsSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { circles, importGraph } from "./circles/graph.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const packages = readdirSync(`${root}/packages`).map((name) => `packages/${name}/src`);
const folders =
  process.argv.length > 2 ? process.argv.slice(2) : packages.filter((each) => existsSync(`${root}/${each}`));

let found = 0;
for (const folder of folders) {
  for (const { kind, path, because } of circles(importGraph(`${root}/${folder}`))) {
    console.error(`${folder}: a circle of ${kind}: ${path.join(" → ")}`);
    for (const reason of because) console.error(`  ${reason}`);
    found += 1;
  }
}
console.error(found === 0 ? `${folders.length} folders: no circles` : `${found} circles`);
process.exitCode = found === 0 ? 0 : 1;
