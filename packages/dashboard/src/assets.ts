/** The files of the page, which are built into the package: read once, and sent compressed. */
import { extname } from "node:path";
import { gzipSync } from "node:zlib";
import { pageFiles } from "#page-files";

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

/** Reads the built page. @throws Error where it was not built */
export async function readAssets(): Promise<Assets> {
  const assets = new Map<string, Asset>();
  for (const [name, bytes] of await pageFiles()) {
    const type = types[extname(name)];
    if (type === undefined) continue;
    assets.set(name === "index.html" ? "/" : `/${name}`, {
      type,
      bytes,
      gzipped: gzipSync(bytes, { level: 9 }),
      isImmutable: name.startsWith("assets/"),
    });
  }
  return assets;
}
