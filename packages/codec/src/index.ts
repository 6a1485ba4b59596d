export { type BinaryCodec, BinaryCodecs, type BinaryCodecsOptions } from "./binary-codec.js";
export { type TextCodec, webTextCodec } from "./text.js";
