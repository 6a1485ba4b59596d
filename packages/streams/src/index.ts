export { type AbortSignalLike, abortable, abortReason, type Clock } from "@trunkline/base";
export { Crc32 } from "./bytes/crc32.js";
export { type Bzip2Options, bzip2 } from "./compression/bzip2/bzip2.js";
export type { Codec, Coder } from "./compression/codec.js";
export { type CompressionOptions, compressed } from "./compression/compressed-stream.js";
export { identity } from "./compression/identity.js";
export * from "./contract/attributes.js";
export { streamClock } from "./contract/clock.js";
export * from "./contract/errors.js";
export * from "./contract/stream.js";
export { type IterableOptions, streamFromIterable } from "./endpoints/iterable.js";
export { type MemoryPairOptions, memoryPair } from "./endpoints/memory.js";
export { type PullSource, receiveStream } from "./endpoints/receive-stream.js";
export { sendStream, type WriteTarget } from "./endpoints/send-stream.js";
export { stapled } from "./endpoints/stapled.js";
export { BaseStream, iterate } from "./kit/base-stream.js";
export { BreakSignal, eitherSignal } from "./kit/break-signal.js";
export { ReceiveQueue } from "./kit/receive-queue.js";
export { SendQueue, type Sink } from "./kit/send-queue.js";
export { TranslatedStream } from "./kit/translated-stream.js";
export { StreamLayer, WrappedStream } from "./kit/wrapped-stream.js";
export { BufferedStream, buffered, ReadError } from "./layers/buffered.js";
export { type Count, CountedStream, type CountOptions, counted, type Hasher } from "./layers/counted.js";
export { type EnvelopeOptions, enveloped } from "./layers/envelope.js";
export { type LengthPrefixOptions, type LinesOptions, lengthPrefixed, lines } from "./layers/framing.js";
export { MetadataStream, streamMetadata } from "./layers/metadata-stream.js";
export {
  type DirectionProgress,
  type ProgressOptions,
  type ProgressReport,
  progress,
  streamProgress,
} from "./layers/progress.js";
export { type RateLimitOptions, rateLimited } from "./layers/rate-limit.js";
export { type Observer, tap } from "./layers/tap.js";
export { type TimeoutOptions, withTimeouts } from "./layers/timeouts.js";
export {
  type CopyOptions,
  copy,
  type ForwardOptions,
  type ForwardResult,
  forward,
  type Transferred,
} from "./move/forward.js";
