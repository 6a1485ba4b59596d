/** The files of the page, which are built into the package: read once, and sent compressed. */
import { readdir, readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

/** One file. */
export interface Asset {
  readonly type: string;
  readonly bytes: Uint8Array;
  readonly gzipped: Uint8Array;
  /** True where the name changes with the content, so that a browser may keep it for ever. */
  readonly isImmutable: boolean;
}

/** The files by their paths. */
export type Assets = ReadonlyMap<string, Asset>;

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** The folder of the built page: beside the built modules, for the sources too. */
const pageFolder = fileURLToPath(new URL("../dist/page", import.meta.url));

/** Reads the built page. @throws Error where it was not built */
export async function readAssets(folder: string = pageFolder): Promise<Assets> {
  const names = await readdir(folder, { recursive: true }).catch((error: unknown) => {
    throw new Error(`the dashboard's page is not built: ${folder} cannot be read (npm run build)`, { cause: error });
  });
  const assets = new Map<string, Asset>();
  for (const name of names) {
    const type = types[extname(name)];
    if (type === undefined) continue;
    const bytes = await readFile(join(folder, name));
    const path = `/${name.replaceAll("\\", "/")}`;
    assets.set(path === "/index.html" ? "/" : path, {
      type,
      bytes,
      gzipped: gzipSync(bytes, { level: 9 }),
      isImmutable: path.startsWith("/assets/"),
    });
  }
  return assets;
}
