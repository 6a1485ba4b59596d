export { peerCertificate, TransportError, type TransportErrorCode } from "@trunkline/base/node";
export { nodeAscii } from "./ascii.js";
export { ConnectionDriver, type DrivenConnection, type DriverOptions } from "./driver.js";
export { HttpConnection, type HttpHandler, type HttpOptions, HttpStream } from "./http.js";
export { type SecureSocketOptions, secureSocket } from "./secure-socket.js";
export { createSocketServer, type SocketServer, type SocketServerOptions } from "./socket-server.js";
export { type ConnectSocketOptions, connectSocket, type SocketTarget } from "./sockets.js";
export { duplexTransport, type Transport, type TransportEvents } from "./transport.js";
