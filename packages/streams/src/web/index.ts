export { requestBody, streamFromResponse } from "./fetch.js";
export { streamFromReadable, streamFromWeb, streamFromWritable, type WebOptions, type WebPair } from "./from-web.js";
export { toReadable, toWeb, toWritable } from "./to-web.js";
export { webClock } from "./web-clock.js";
export { abortCloseCode, streamFromWebSocket, type WebSocketOptions } from "./web-socket.js";
export type { WebSocketEventLike, WebSocketLike } from "./web-socket-like.js";
