/** The dashboard's page inside a program: its files are strings of a module, instead of files beside it. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const page = fileURLToPath(new URL("../../packages/dashboard/dist/page", import.meta.url));

/** Replaces the module that reads the page's files. @type {import("rolldown").Plugin} */
export const pageInside = {
  name: "page-inside",
  resolveId: (id) => (id === "#page-files" ? "\0page-files" : null),
  load: (id) => (id === "\0page-files" ? moduleOfPage() : null),
};

/** @returns {string} a module like `packages/dashboard/src/page-files.ts` */
function moduleOfPage() {
  const files = readdirSync(page, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => [path.slice(page.length + 1).replaceAll("\\", "/"), readFileSync(path, "utf8")]);
  return `const files = ${JSON.stringify(files)};
export const pageFiles = async () => new Map(files.map(([name, text]) => [name, new TextEncoder().encode(text)]));`;
}
