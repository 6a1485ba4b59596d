export { MetadataError, type MetadataErrorCode } from "./errors.js";
export { reservedKeyReason } from "./key.js";
export { Metadata, type MetadataInit, type WireField } from "./metadata.js";
export type { MetadataValue, ValueOf } from "./value.js";
