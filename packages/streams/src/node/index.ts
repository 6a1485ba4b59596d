export * from "./compression/index.js";
export { type ConnectOptions, connectTcp, connectUnix, type TcpTarget } from "./connect.js";
export { type DuplexOptions, streamFromDuplex } from "./duplex-stream.js";
export { type ListenOptions, listenTcp, listenUnix, SocketListener, type TcpListenOptions } from "./listen.js";
export { describeProgress, type ProgressBarOptions, type ProgressOutput, progressBar } from "./progress-bar.js";
export { systemClock } from "./system-clock.js";
export { type TextOptions, text } from "./text.js";
export { toDuplex } from "./to-duplex.js";
