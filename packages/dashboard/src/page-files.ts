/**
 * The files of the built page, which lie beside the built modules. A program that is one file with all that it imports
 * gets a module with their contents in place of this one (`#page-files`).
 */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of the built page, for the sources too. */
const folder = fileURLToPath(new URL("../dist/page", import.meta.url));

/** Reads the files by their names, such as `assets/index.js`. @throws Error where the page was not built */
export async function pageFiles(): Promise<ReadonlyMap<string, Uint8Array>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch((error: unknown) => {
    throw new Error(`the dashboard's page is not built: ${folder} cannot be read (npm run build)`, { cause: error });
  });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return new Map(
    await Promise.all(
      paths.map(async (path): Promise<[string, Uint8Array]> => {
        const name = path.slice(folder.length + 1).replaceAll("\\", "/");
        return [name, await readFile(path)];
      }),
    ),
  );
}
