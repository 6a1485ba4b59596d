import type { CompressionCodec } from "../../../src/index.js";
import { xz, zstd } from "../../../src/node/index.js";

/** The formats whose engine this machine has: zstd comes with Node 22.15, and packages may be left out. */
export async function optionalCodecs(): Promise<CompressionCodec[]> {
  const available: CompressionCodec[] = [];
  for (const codec of [zstd({ level: 1 }), xz({ level: 1 })]) {
    try {
      (await codec.encoder()).destroy();
      available.push(codec);
    } catch (error) {
      if (!(error instanceof Error && error.message.includes("npm install"))) throw error;
    }
  }
  return available;
}
