export { type AsciiCodec, portableAscii } from "./bytes/ascii.js";
export { retained } from "./bytes/retained.js";
export { Connection } from "./connection/connection.js";
export type { AttachedDriver, ConnectionHandler } from "./connection/handler.js";
export { ErrorCode, errorCodeName } from "./error-code.js";
export { H2Error, type H2ErrorOptions } from "./errors.js";
export type { HeaderField } from "./header-field.js";
export {
  type ConnectionLimits,
  type ConnectionOptions,
  checkConnectionOptions,
  type LocalSettings,
} from "./options/connection-options.js";
export type { Allowance, GuardLimits } from "./options/guard-limits.js";
export type { LifetimeOptions } from "./options/lifetime.js";
export type { Http2Stream, SendEnd, StreamHandler, StreamReset } from "./stream/handler.js";
