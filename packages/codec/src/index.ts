export { type BinaryCodec, BinaryCodecs, type BinaryCodecsOptions } from "./binary-codec.js";
export { type CodecPlatform, webPlatform } from "./platform.js";
