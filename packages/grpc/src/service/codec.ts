/** The contract of codecs, which make bytes of messages and messages of bytes. */
import { isBytes, wholeNumber } from "@trunkline/base";

/** Bounds of the work that one received message may cause beside its size. Codecs of protobuf-es keep to them. */
export interface DecodeOptions {
  /**
   * The largest number of fields in one message, nested ones included, that its schema does not know. They are kept as
   * objects of their own: without a limit, 4 MB of two-byte fields stop the event loop for seconds. Default 10,000:
   * far more than a newer version of a schema adds.
   */
  readonly maxUnknownFields?: number | undefined;
  /**
   * The largest number of messages and map entries inside one message. An empty one takes two bytes on the wire and
   * about a microsecond to build. Default 250,000: items of 16 bytes fill 4 MiB with about as many.
   */
  readonly maxNestedMessages?: number | undefined;
}

/** The bounds of `DecodeOptions`, each with a value. */
export interface DecodeLimits {
  readonly maxUnknownFields: number;
  readonly maxNestedMessages: number;
}

/** The limits of clients and servers that set none. */
export const defaultDecodeLimits: DecodeLimits = Object.freeze({
  maxUnknownFields: 10_000,
  maxNestedMessages: 250_000,
});

/**
 * Checks the options and completes them by those of `outer`. @throws RangeError naming the option, the value and its
 * range
 */
export function resolveDecodeLimits(options: DecodeOptions, outer: DecodeLimits = defaultDecodeLimits): DecodeLimits {
  const { maxUnknownFields, maxNestedMessages } = options;
  return {
    maxUnknownFields: wholeNumber("maxUnknownFields", maxUnknownFields ?? outer.maxUnknownFields, 0),
    maxNestedMessages: wholeNumber("maxNestedMessages", maxNestedMessages ?? outer.maxNestedMessages, 0),
  };
}

/**
 * The encoder and decoder of one kind of message.
 *
 * `encode` returns bytes that nobody changes afterwards: the runtime may keep them until they are `written`. `decode`
 * gets the message's bytes in memory of their own, and may keep views of them. An error that either of them throws ends
 * the call with INTERNAL, and a `GrpcError` ends it with its own status.
 */
export interface MessageCodec<Message extends {}, Init extends {} = Message> {
  /** Returns the bytes of a message. */
  encode(message: Init): Uint8Array;
  /**
   * Returns the bytes of a message behind `headroom` bytes that the caller writes: a codec that can do so saves the
   * runtime a copy, or a piece of output, for the prefix of each message.
   */
  encodeBehind?(headroom: number, message: Init): Uint8Array;
  /**
   * Returns the message that the bytes hold. @param limits those of the client or server, for codecs that can keep them
   */
  decode(bytes: Uint8Array, limits?: DecodeLimits): Message;
  /**
   * False for a codec whose messages keep no view of the bytes. `decode` may then get bytes that are there only until
   * it returns, which saves a copy of each message. Default true.
   */
  readonly keepsViews?: boolean;
  /**
   * Called with bytes that `encode` or `encodeBehind` returned, once nothing reads them any more: the codec may use
   * their memory again. It is called for large messages of streams over sockets, and not always.
   */
  written?(bytes: Uint8Array): void;
  /**
   * True for a codec whose messages are the bytes as they came, each of which is sent on at most once and then not
   * looked at any more, as a proxy does. The memory of large ones is used again once they are written. Default false.
   */
  readonly passesOn?: boolean;
}

/** A codec of which only the shape is known. `encode` takes `never`, because nothing may be given to it unseen. */
export interface AnyCodec {
  encode(message: never): Uint8Array;
  encodeBehind?(headroom: number, message: never): Uint8Array;
  decode(bytes: Uint8Array, limits?: DecodeLimits): {};
  readonly keepsViews?: boolean;
  written?(bytes: Uint8Array): void;
  readonly passesOn?: boolean;
}

/** Passes bytes as they are, for services without message types. A received message belongs to the receiver. */
export const bytesCodec: MessageCodec<Uint8Array> = {
  encode(bytes) {
    if (isBytes(bytes)) return bytes;
    throw new TypeError(`bytesCodec takes a Uint8Array, not ${typeof bytes}`);
  },
  decode: (bytes) => bytes,
};
