/** Streams of objects for those who use them. Those who write streams find the parts in `@trunkline/streams/kit`. */

// What a stream is.

export type { AbortSignalLike, Clock } from "@trunkline/base";
export {
  type AttributeKey,
  type Attributes,
  attribute,
  localAddress,
  remoteAddress,
  type SocketAddress,
  sharedAttribute,
  totalBytes,
} from "./contract/attributes.js";
export { streamClock } from "./contract/clock.js";
export * from "./contract/errors.js";
export * from "./contract/stream.js";

// Ends to begin with.

export { type IterableOptions, streamFromIterable } from "./endpoints/iterable.js";
export { type MemoryPairOptions, memoryPair } from "./endpoints/memory.js";
export { type PullSource, receiveStream } from "./endpoints/receive-stream.js";
export { sendStream, type WriteTarget } from "./endpoints/send-stream.js";
export { stapled } from "./endpoints/stapled.js";

// Moving everything from one stream to another.

export {
  type CopyOptions,
  copy,
  type ForwardOptions,
  type ForwardResult,
  forward,
} from "./move/forward.js";

// Layers that observe or limit.

export type { Count } from "./bytes/counter.js";
export { Crc32 } from "./bytes/crc32.js";
export { CountedStream, type CountOptions, counted, type HashedCount, type Hasher } from "./layers/counted.js";
export { describeProgress } from "./layers/describe-progress.js";
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

// Layers that change how items are cut, or what goes with them.

export { BufferedStream, buffered, ReadError } from "./layers/buffered.js";
export { type EnvelopeOptions, enveloped } from "./layers/envelope.js";
export { type LengthPrefixOptions, type LinesOptions, lengthPrefixed, lines } from "./layers/framing.js";
export { MetadataStream, streamMetadata } from "./layers/metadata-stream.js";

// Compression; more formats are in `@trunkline/streams/node`.

export { type Bzip2Options, bzip2 } from "./compression/bzip2/bzip2.js";
export type { CompressionCodec, CompressionCoder } from "./compression/codec.js";
export { type CompressionOptions, compressed } from "./compression/compressed-stream.js";
export { identity } from "./compression/identity.js";
