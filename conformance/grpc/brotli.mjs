/** A compression of one's own, as any user would give it. */
import { brotliCompressSync, brotliDecompressSync } from "node:zlib";

/** @type {import("@trunkline/grpc").Compression} */
export const brotli = {
  name: "br",
  compress: (message) => brotliCompressSync(message),
  decompress: (bytes, maxBytes) => brotliDecompressSync(bytes, { maxOutputLength: maxBytes }),
};
