export { type AbortSignalLike, abortable, abortReason, onAbort } from "./abort.js";
export {
  bracketed,
  isLocalAddress,
  isLoopback,
  type ParsedHost,
  parseHostPort,
  parseUnixAddress,
  printAddress,
  printHostPort,
  type SocketAddress,
  type TcpAddress,
  type UnixAddress,
  withoutZone,
} from "./address.js";
export { formatBytes, formatSeconds, perSecond } from "./amounts.js";
export { Backoff, type BackoffOptions } from "./backoff.js";
export type { AppointmentKind, Clock } from "./clock.js";
export { type Attempt, attemptDelayMs, type ConnectFirstEvents, connectFirst } from "./connect-first.js";
export { type Deferred, deferred } from "./deferred.js";
export { Fifo } from "./fifo.js";
export { Heap, type HeapEntry } from "./heap.js";
export { brandClass, brandKey, hasBrand, isBytes, isError, isThenable, isUrl } from "./kind-of.js";
export { callObserver, whenRejected } from "./observer.js";
export { checkOptionNames, optionNames, optionNamesRefusal } from "./option-names.js";
export { pause } from "./pause.js";
export { type Environment, proxyFromEnvironment } from "./proxy/environment.js";
export {
  type ProxyCredentials,
  type ProxyProtocol,
  type ProxyServer,
  parseProxy,
  printProxy,
  resolvesNames,
} from "./proxy/proxy.js";
export { reasonText } from "./reason-text.js";
export { shortened } from "./shortened.js";
export { SpareMemory, type SpareMemoryLimits } from "./spare-memory.js";
export { createSystemClock, type RuntimeTimers } from "./system-clock.js";
export { type TimerEntry, TimerHeap } from "./timer-heap.js";
export { TokenBucket } from "./token-bucket.js";
export { trimBlanks } from "./trim-blanks.js";
export { aboveZero, durationMs, maxTimerMs, numberInRange, wholeNumber, wholeNumberProblem } from "./whole-number.js";
