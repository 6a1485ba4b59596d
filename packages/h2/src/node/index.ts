export { nodeAscii } from "./ascii.js";
export { type DriverClock, systemClock } from "./clock.js";
export { ConnectionDriver, type DriverOptions } from "./driver.js";
export { type ConnectSocketOptions, connectSocket, createSocketServer, type SocketServerOptions, type SocketTarget } from "./sockets.js";
export { duplexTransport, type Transport, type TransportEvents } from "./transport.js";
