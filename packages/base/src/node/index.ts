export { acceptTls } from "./accept-tls.js";
export { type DialSocketOptions, dialSocket, dialTls } from "./dial.js";
export { environmentProxy } from "./environment-proxy.js";
export { ListenError, listenOn, probeSocket, type SocketState } from "./listen.js";
export { type BoundServers, closeServer, listenOnAll } from "./listen-on-all.js";
export { interleaved, type Lookup, type LookupResult, systemLookup } from "./lookup.js";
export { makeFolder } from "./make-folder.js";
export { checkSocketPath, maxSocketPathBytes, SocketPathError } from "./socket-path.js";
export { type StartTlsOptions, startTls } from "./start-tls.js";
export { systemClock } from "./system-clock.js";
export {
  listenOnSystemd,
  parseSystemdAddress,
  type SystemdSocket,
  SystemdSockets,
  takeSystemdSockets,
} from "./systemd-sockets.js";
export {
  clearImmediate,
  clearInterval,
  clearTimeout,
  monotonicMs,
  nextTick,
  queueMicrotask,
  setImmediate,
  setInterval,
  setTimeout,
} from "./timers.js";
export { type OtherSide, type TlsFailure, tlsFailure, unusableTls, verificationFailure } from "./tls-failure.js";
export { isPeerVerified, peerCertificate, shownCertificate } from "./tls-peer.js";
export { createTlsServer, type TlsServer, type TlsServerOptions, usableTls } from "./tls-server.js";
export { TransportError, type TransportErrorCode, type TransportErrorOptions } from "./transport-error.js";
