/**
 * Runs before `npm pack` and `npm publish`, in the folder of the package: builds it from nothing, so that a tarball
 * made in an unbuilt clone is whole, and one made after a file was renamed holds no trace of the old name; and bundles
 * it. The dashboard's page is built, too: it is a part of its package, and of the command.
 */
import { execFileSync } from "node:child_process";
import { readdirSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { bundlePackage } from "./bundle.mjs";

rmSync("dist", { recursive: true, force: true });
for (const name of readdirSync(".")) if (name.endsWith(".tsbuildinfo")) rmSync(name);
const root = fileURLToPath(new URL("..", import.meta.url));
// Its output must not mix with the names of the tarballs, which npm prints to stdout.
execFileSync("npx", ["tsc", "-b"], { cwd: root, stdio: ["ignore", process.stderr, "inherit"] });
execFileSync(process.execPath, [fileURLToPath(new URL("build-page.mjs", import.meta.url))], {
  cwd: root,
  stdio: ["ignore", process.stderr, "inherit"],
});
await bundlePackage(".");
