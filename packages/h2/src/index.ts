export { type AsciiCodec, portableAscii } from "./bytes/ascii.js";
export { retained } from "./bytes/retained.js";
export { Connection, type SendEnd } from "./connection/connection.js";
export type { ConnectionHandler, StreamReset } from "./connection/handler.js";
export { ErrorCode, errorCodeName } from "./error-code.js";
export { H2Error, type H2ErrorOptions } from "./errors.js";
export type { Allowance, GuardLimits } from "./guard-limits.js";
export type { HeaderField } from "./header-field.js";
export type { ConnectionLimits, ConnectionOptions, LocalSettings } from "./options.js";
