export { type AbortSignalLike, abortable, abortReason, type Clock } from "@trunkline/base";
export * from "./attributes.js";
export { BaseStream, iterate } from "./base-stream.js";
export { BreakSignal, eitherSignal } from "./break-signal.js";
export { BufferedStream, buffered, ReadError } from "./buffered.js";
export { streamClock } from "./clock.js";
export { type Bzip2Options, bzip2 } from "./compression/bzip2/bzip2.js";
export type { Codec, Coder } from "./compression/codec.js";
export { type CompressionOptions, compressed } from "./compression/compressed-stream.js";
export { identity } from "./compression/identity.js";
export { type Count, CountedStream, type CountOptions, counted, type Hasher } from "./counted.js";
export { Crc32 } from "./crc32.js";
export { type EnvelopeOptions, enveloped } from "./envelope.js";
export * from "./errors.js";
export {
  type CopyOptions,
  copy,
  type ForwardOptions,
  type ForwardResult,
  forward,
  type Transferred,
} from "./forward.js";
export { type LengthPrefixOptions, type LinesOptions, lengthPrefixed, lines } from "./framing.js";
export { type IterableOptions, streamFromIterable } from "./iterable.js";
export { type MemoryPairOptions, memoryPair } from "./memory.js";
export { MetadataStream, streamMetadata } from "./metadata-stream.js";
export {
  type DirectionProgress,
  type ProgressOptions,
  type ProgressReport,
  progress,
  streamProgress,
} from "./progress.js";
export { type RateLimitOptions, rateLimited } from "./rate-limit.js";
export { ReceiveQueue } from "./receive-queue.js";
export { type PullSource, receiveStream } from "./receive-stream.js";
export { SendQueue, type Sink } from "./send-queue.js";
export { sendStream, type WriteTarget } from "./send-stream.js";
export { stapled } from "./stapled.js";
export * from "./stream.js";
export { type Observer, tap } from "./tap.js";
export { type TimeoutOptions, withTimeouts } from "./timeouts.js";
export { TranslatedStream } from "./translated-stream.js";
export { StreamLayer, WrappedStream } from "./wrapped-stream.js";
