import { ErrorCode } from "../error-code.js";
import { connectionError, type H2Error } from "../errors.js";

/**
 * Returns the error for a broken header block. It ends the connection: the two tables can no longer be the same (RFC
 * 9113 §4.3).
 */
export function compressionError(message: string): H2Error {
  return connectionError(ErrorCode.COMPRESSION_ERROR, message);
}
