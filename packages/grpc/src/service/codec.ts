/** How messages become bytes, whatever has described them. */
import { retained } from "@trunkline/h2";

/**
 * The encoder and decoder of one kind of message.
 *
 * `encode` returns bytes that nobody changes afterwards: the runtime may keep them until they are written. `decode` gets a view of the received bytes.
 * It may keep a part of that view, which keeps the whole chunk (up to 64 KiB) in memory; `retained` of `@trunkline/h2` copies small parts. An error
 * that either of them throws ends the call with INTERNAL.
 */
export interface MessageCodec<Message extends {}, Init extends {} = Message> {
  encode(message: Init): Uint8Array;
  decode(bytes: Uint8Array): Message;
}

/** A codec of which only the shape is known. `encode` takes `never`, because nothing may be given to it unseen. */
export interface AnyCodec {
  encode(message: never): Uint8Array;
  decode(bytes: Uint8Array): {};
}

/** Passes bytes as they are, for services without message types. A received message belongs to the receiver. */
export const bytesCodec: MessageCodec<Uint8Array> = {
  encode: (bytes) => bytes,
  decode: retained,
};
