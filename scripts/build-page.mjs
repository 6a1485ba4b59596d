/**
 * Builds the dashboard's page into `packages/dashboard/dist/page`, by vite, unless it is there and newer than all that
 * it is made of. It has no other use: servers read the built files.
 */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { pageConfig } from "./build-page/config.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const built = join(root, "packages/dashboard/dist/page/index.html");
const inputs = [
  ...readdirSync(join(root, "packages/dashboard/page"), { recursive: true, encoding: "utf8" }).map((name) =>
    join("packages/dashboard/page", name),
  ),
  "packages/dashboard/package.json",
  "packages/dashboard/src/source.ts",
  "package-lock.json",
  "scripts/build-page/config.mjs",
];

/** @param {string} path @returns {number} the time of its last change; 0 where it is not there */
const changedMs = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;

const builtMs = changedMs(built);
if (inputs.some((path) => changedMs(join(root, path)) > builtMs)) {
  const { build } = await import("vite");
  await build(pageConfig());
}
