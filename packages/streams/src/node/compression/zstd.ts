/** zstd, by `node:zlib` where Node has it (22.15), else by the package zstd-napi if it is installed. */
import type { Transform } from "node:stream";
import zlib from "node:zlib";
import { checkOptionNames, optionNames, wholeNumber } from "@trunkline/base";
import type { CompressionCodec, CompressionCoder } from "../../compression/codec.js";
import { ZstdFrames } from "../../compression/zstd-frames.js";
import { optionalPackage } from "./optional-package.js";
import { TransformCoder } from "./transform-coder.js";
import { pieceBytes, zlibCoder } from "./zlib.js";

/** Options of `zstd`. */
export interface ZstdOptions {
  /** The level, from 1 (fastest) to 22 (smallest). Default 3, as of the `zstd` command. */
  readonly level?: number;
}

const zstdOptionNames = optionNames<ZstdOptions>({ level: true });

/**
 * The limit of the memory that a decoder may take at the request of the other side: 2^27 bytes are 128 MiB, the limit
 * of the `zstd` command, which all its levels keep without `--long` or `--ultra`.
 */
const maxWindowLog = 27;

/** The part of `node:zlib` that the types of Node 20 lack. */
interface ZstdOfNode {
  createZstdCompress(options: object): zlib.Gzip;
  createZstdDecompress(options: object): zlib.Gzip;
  readonly constants: Record<"ZSTD_c_compressionLevel" | "ZSTD_c_checksumFlag" | "ZSTD_d_windowLogMax", number>;
}

interface ZstdPackage {
  readonly CompressStream: new (
    parameters: object,
  ) => Transform & { flush(callback: (error?: Error | null) => void): void };
  readonly DecompressStream: new (parameters: object) => Transform;
}

/**
 * Returns the format zstd (RFC 8878), of one or more frames. Frames have a checksum, which detects changed data.
 * @throws RangeError for a level out of range
 */
export function zstd(options: ZstdOptions = {}): CompressionCodec {
  checkOptionNames("zstd", options, zstdOptionNames);
  const level = wholeNumber("level", options.level ?? 3, 1, 22);
  const coders =
    "createZstdCompress" in zlib ? codersOfNode(zlib as unknown as ZstdOfNode, level) : codersOfPackage(level);
  return {
    name: "zstd",
    concatenates: true,
    allowsZeroPadding: false,
    flushes: true,
    signature: Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd),
    ...coders,
  };
}

function codersOfNode(node: ZstdOfNode, level: number): Pick<CompressionCodec, "encoder" | "decoder"> {
  const { ZSTD_c_compressionLevel, ZSTD_c_checksumFlag, ZSTD_d_windowLogMax } = node.constants;
  const params = { [ZSTD_c_compressionLevel]: level, [ZSTD_c_checksumFlag]: 1 };
  return {
    encoder: () => zlibCoder(node.createZstdCompress({ params, chunkSize: pieceBytes })),
    decoder: () =>
      new WholeFrames(
        zlibCoder(
          node.createZstdDecompress({ params: { [ZSTD_d_windowLogMax]: maxWindowLog }, chunkSize: pieceBytes }),
        ),
      ),
  };
}

/**
 * A decoder that refuses to end within a frame. Neither that of Node nor that of the package does so in every place.
 */
class WholeFrames implements CompressionCoder {
  readonly #coder: CompressionCoder;
  readonly #frames = new ZstdFrames();

  constructor(coder: CompressionCoder) {
    this.#coder = coder;
  }

  write(chunk: Uint8Array): void {
    this.#coder.write(chunk);
    this.#frames.push(chunk);
  }

  flush(): void {
    this.#coder.flush();
  }

  end(): void {
    if (!this.#frames.atBorder) throw new Error("unexpected end of a frame");
    this.#coder.end();
  }

  read(): Promise<Uint8Array | undefined> {
    return this.#coder.read();
  }

  get unusedBytes(): number | undefined {
    return this.#coder.unusedBytes;
  }

  destroy(): void {
    this.#coder.destroy();
  }
}

function codersOfPackage(level: number): Pick<CompressionCodec, "encoder" | "decoder"> {
  return {
    async encoder(): Promise<CompressionCoder> {
      const { CompressStream } = await zstdPackage();
      const transform = new CompressStream({ compressionLevel: level, checksumFlag: true });
      return new TransformCoder(transform, { flush: (callback) => transform.flush(callback) });
    },
    async decoder(): Promise<CompressionCoder> {
      const { DecompressStream } = await zstdPackage();
      const transform = new DecompressStream({ windowLogMax: maxWindowLog });
      // Four bytes can be a block of 128 KiB.
      return new WholeFrames(
        new TransformCoder(transform, { flush: (callback) => callback(), sliceLength: () => 256 }),
      );
    },
  };
}

function zstdPackage(): Promise<ZstdPackage> {
  return optionalPackage<ZstdPackage>("zstd-napi", "zstd before Node 22.15");
}
