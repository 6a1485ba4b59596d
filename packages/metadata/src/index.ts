export { MetadataError, type MetadataErrorCode } from "./errors.js";
export { reservedKeyReason } from "./key.js";
export { type BinaryKey, Metadata, type MetadataInit, type MetadataRecord } from "./metadata.js";
export type { MetadataValue, ValueOf } from "./value.js";
export { type WireField, wireFieldProblem } from "./wire-field.js";
