/** Methods whose messages are bytes, for services that judges make up. */
import { bytesCodec } from "@trunkline/grpc";

/**
 * Returns a function that describes the methods of a service.
 * @param {string} typeName
 */
export function bytesMethodsOf(typeName) {
  /** @param {string} name @param {"unary" | "client_streaming" | "server_streaming" | "bidi_streaming"} kind */
  return (name, kind) => ({ path: `/${typeName}/${name}`, kind, request: bytesCodec, response: bytesCodec });
}
