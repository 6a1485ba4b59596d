/** Web streams as ours. Items are whatever chunks are. */

import type { Clock } from "@trunkline/base";
import type { Attributes } from "../contract/attributes.js";
import { streamClock } from "../contract/clock.js";
import type { ObjectStream, ReceiveStream, SendStream } from "../contract/stream.js";
import { receiveStream } from "../endpoints/receive-stream.js";
import { sendStream } from "../endpoints/send-stream.js";
import { stapled } from "../endpoints/stapled.js";
import { webClock } from "./web-clock.js";

export interface WebOptions {
  /** Limits the wait of `close()`. Default: real time. */
  readonly clock?: Clock;
  /** What else is known about the stream. */
  readonly attributes?: Attributes;
}

/** Two web streams that belong together: a `TransformStream`, a `WebTransportBidirectionalStream`, what `toWeb` gives. */
export interface WebPair<Out extends {}, In extends {}> {
  readonly readable: ReadableStream<In>;
  readonly writable: WritableStream<Out>;
}

/**
 * A pair as a two-way stream; both are locked, and the stream's from now on. `sendEof` closes the writable, the end is that of the
 * readable, an `abort` cancels the readable and aborts the writable with its reason. An error of either is the cause of a
 * `BrokenStreamError`.
 * @throws TypeError if one of them is locked
 */
export function streamFromWeb<Out extends {}, In extends {} = Out>(
  pair: WebPair<Out, In>,
  options: WebOptions = {},
): ObjectStream<Out, In> {
  return stapled(streamFromReadable(pair.readable, options), streamFromWritable(pair.writable, options));
}

/** Nothing is read before it is wanted, beyond what the readable buffers by itself. @throws TypeError if it is locked */
export function streamFromReadable<In extends {}>(
  readable: ReadableStream<In>,
  options: WebOptions = {},
): ReceiveStream<In> {
  const reader = readable.getReader();
  return receiveStream<In>({
    async pull() {
      const { done, value } = await reader.read();
      return done ? undefined : value;
    },
    cancel(reason) {
      reader.cancel(reason).catch(() => {}); // why it cannot be cancelled says nothing about this side's abort
    },
    onBreak(tell) {
      reader.closed.catch(tell);
    },
    attributes: attributesOf(options),
  });
}

/** A chunk is being written while the next ones wait, so that the writable decides the pace. @throws TypeError if it is locked */
export function streamFromWritable<Out extends {}>(
  writable: WritableStream<Out>,
  options: WebOptions = {},
): SendStream<Out> {
  const writer = writable.getWriter();
  return sendStream<Out>({
    name: "a web stream",
    write: (item) => writer.write(item),
    end: () => writer.close(),
    abort(reason) {
      writer.abort(reason).catch(() => {});
    },
    onBreak(tell) {
      writer.closed.catch(tell);
    },
    attributes: attributesOf(options),
  });
}

function attributesOf({ clock = webClock, attributes = new Map() }: WebOptions): Attributes {
  return new Map([...attributes, [streamClock, clock]]);
}
