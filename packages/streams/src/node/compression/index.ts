export { codecNamed, detectable } from "./codecs.js";
export { type XzOptions, xz } from "./xz.js";
export { type BrotliOptions, brotli, type DeflateOptions, deflate, gzip } from "./zlib.js";
export { type ZstdOptions, zstd } from "./zstd.js";
