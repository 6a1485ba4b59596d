export { type MessageCodec, MessageCodecs, type MessageCodecsOptions } from "./message-codec.js";
export { type TextCodec, webTextCodec } from "./text.js";
