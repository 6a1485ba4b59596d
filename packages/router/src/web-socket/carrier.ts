/**
 * A WebSocket as the carrier of HTTP/2: its binary messages, one behind the other, are the bytes of the connection. A
 * border of a message means nothing. Networks that let only HTTP/1.1 and WebSockets through carry streams that way.
 */
import type { Duplex } from "node:stream";
import { createWebSocketStream, type WebSocket } from "ws";

/** The subprotocol (RFC 6455 §1.9) by which both ends know what the WebSocket carries. */
export const webSocketProtocol = "trunkline.h2";

/**
 * The time for the opening handshake: what HTTP/2 has for its preface. A client has it for the connection and once more
 * for the handshake, so that either names what it has waited for before the channel's own limit of 20 seconds.
 */
export const webSocketHandshakeMs = 10_000;

/** The longest message that is taken, of which nothing is given on before it is whole. Frames of HTTP/2 are shorter. */
export const maxWebSocketMessageBytes = 1_048_576;

/** Returns the bytes of a WebSocket that is open. */
export function webSocketCarrier(socket: WebSocket): Duplex {
  return createWebSocketStream(socket);
}
