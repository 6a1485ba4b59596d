/** The HTTP/2 options of connections that carry router streams, at both of their ends. */
import type { Http2Options } from "@trunkline/grpc";
import { maxFramePayloadBytes } from "./outgoing.js";

/** The bytes of a message beside its payload: gRPC's prefix, protobuf's tags, and some to spare. */
const messageOverheadBytes = 1_024;

/**
 * The default of `maxBufferedBytesPerConnection`: 134,217,728, the first windows of 2,000 streams. All streams between
 * a router and one of its clients share a connection, and those whose readers pause must not stop the others.
 */
export const defaultBufferedBytesPerConnection: number = 2 ** 27;

/**
 * Returns the options. A whole frame fits into the first window of its stream, so that none has to be asked for beyond
 * it.
 * @param maxBufferedBytesPerConnection the bytes that wait to be read on one connection
 */
export function routerHttp2(maxBufferedBytesPerConnection: number): Http2Options {
  return {
    settings: { initialWindowSize: maxFramePayloadBytes + messageOverheadBytes },
    limits: { maxBufferedBytesPerConnection },
  };
}
