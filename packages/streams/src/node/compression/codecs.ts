/** The formats by their names, and those that can be detected. */
import { bzip2 } from "../../compression/bzip2/bzip2.js";
import type { CompressionCodec } from "../../compression/codec.js";
import { identity } from "../../compression/identity.js";
import { xz } from "./xz.js";
import { brotli, deflate, gzip } from "./zlib.js";
import { zstd } from "./zstd.js";

const byName: Readonly<Record<string, () => CompressionCodec>> = {
  identity: () => identity,
  gzip,
  deflate,
  br: brotli,
  brotli,
  zstd,
  xz,
  bzip2,
  bz2: bzip2,
};

/**
 * Returns the format with this name and its default options: `identity`, `gzip`, `deflate`, `br` or `brotli`, `zstd`,
 * `xz`, `bzip2` or `bz2`. These are the names of HTTP and of Jumpstarter's `x_jmp_content_encoding`.
 * @throws RangeError for another name
 */
export function codecNamed(name: string): CompressionCodec {
  if (!Object.hasOwn(byName, name)) {
    throw new RangeError(
      `there is no compression ${JSON.stringify(name)}; there are ${Object.keys(byName).join(", ")}`,
    );
  }
  return (byName[name] as () => CompressionCodec)();
}

/** Returns all formats that are detected by their first bytes, for `receive`: gzip, bzip2, xz, zstd. */
export function detectable(): CompressionCodec[] {
  return [gzip(), bzip2(), xz(), zstd()];
}
