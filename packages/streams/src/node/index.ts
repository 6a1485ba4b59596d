export { systemClock } from "@trunkline/base/node";
export {
  type ChildProcessOptions,
  type ExitStatus,
  exitStatus,
  processId,
  streamFromChildProcess,
} from "./child-process.js";
export * from "./compression/index.js";
export { type ConnectOptions, connectTcp, connectUnix, type TcpTarget } from "./connect.js";
export { type DuplexOptions, streamFromDuplex } from "./duplex-stream.js";
export { type FileReadOptions, type FileWriteOptions, filePath, streamFromFile, streamToFile } from "./file.js";
export { listenTcp, listenUnix, SocketListener, type SocketListenOptions, type TcpListenOptions } from "./listen.js";
export {
  type ReadableOptions,
  streamFromReadable,
  streamFromWritable,
  type WritableOptions,
} from "./readable-writable.js";
export { stdio } from "./stdio.js";
export { type TemporaryPath, temporarySocketPath } from "./temporary-socket-path.js";
export { type TextOptions, text } from "./text.js";
export {
  connectTls,
  listenTls,
  type TlsCertificate,
  type TlsConnectOptions,
  type TlsIdentity,
  type TlsListenOptions,
  tlsIdentity,
} from "./tls.js";
export { type SocketDuplex, toDuplex } from "./to-duplex.js";
export { toReadable, toWritable } from "./to-node.js";
