export { nodeAscii } from "./ascii.js";
export { type DriverClock, systemClock } from "./clock.js";
export { ConnectionDriver, type DrivenConnection, type DriverOptions } from "./driver.js";
export { HttpConnection, type HttpHandler, type HttpOptions, HttpStream } from "./http.js";
export { type ConnectSocketOptions, connectSocket, createSocketServer, type SocketServerOptions, type SocketTarget } from "./sockets.js";
export { duplexTransport, type Transport, type TransportEvents } from "./transport.js";
