/** Web streams as streams of this package. An item is a chunk of any type. */

import { type Clock, checkOptionNames, optionNames } from "@trunkline/base";
import type { Attributes } from "../contract/attributes.js";
import { streamClock } from "../contract/clock.js";
import type { ObjectStream, ReceiveStream, SendStream } from "../contract/stream.js";
import { receiveStream } from "../endpoints/receive-stream.js";
import { sendStream } from "../endpoints/send-stream.js";
import { stapled } from "../endpoints/stapled.js";
import { webClock } from "./web-clock.js";

/** Options of streams that are made of web streams. */
export interface WebOptions {
  /** The clock for the time limit of `close()`. Default: real time. */
  readonly clock?: Clock;
  /** Further attributes of the stream. */
  readonly attributes?: Attributes;
}

/** The names of the options of streams that are made of web streams. */
export const webOptionNames: ReadonlySet<string> = optionNames<WebOptions>({ clock: true, attributes: true });

/**
 * A readable and a writable that belong together: a `TransformStream`, a `WebTransportBidirectionalStream`, a result of
 * `toWeb`.
 */
export interface WebPair<Out extends {}, In extends {}> {
  readonly readable: ReadableStream<In>;
  readonly writable: WritableStream<Out>;
}

/**
 * Makes a two-way stream of a pair. Both are locked, and belong to the stream from now on. `sendEof` closes the
 * writable, the end is that of the readable, and `abort` cancels the readable and aborts the writable with its reason.
 * An error of either is the cause of a `BrokenStreamError`.
 * @throws TypeError if one of them is locked
 */
export function streamFromWeb<Out extends {}, In extends {} = Out>(
  pair: WebPair<Out, In>,
  options: WebOptions = {},
): ObjectStream<Out, In> {
  checkOptionNames("streamFromWeb", options, webOptionNames);
  return stapled(streamFromReadable(pair.readable, options), streamFromWritable(pair.writable, options));
}

/**
 * Makes a stream of a readable. Nothing is read before it is wanted, apart from the chunks that the readable buffers by
 * itself. A chunk that is `undefined` or `null` is no item and breaks the stream.
 * @throws TypeError if the readable is locked
 */
export function streamFromReadable<In extends {}>(
  readable: ReadableStream<In>,
  options: WebOptions = {},
): ReceiveStream<In> {
  checkOptionNames("streamFromReadable", options, webOptionNames);
  const reader = readable.getReader();
  return receiveStream<In>({
    async pull() {
      const { done, value } = await reader.read();
      if (done) return undefined;
      if (value === undefined || value === null)
        throw new TypeError(`the readable has given ${String(value)}, which is no item of a stream`);
      return value;
    },
    cancel(reason) {
      reader.cancel(reason).catch(() => {}); // the reason why it cannot be cancelled does not concern the abort
    },
    onBreak(tell) {
      reader.closed.catch(tell);
    },
    attributes: attributesOf(options),
  });
}

/**
 * Makes a stream of a writable. One chunk is written while the next ones wait, so that the writable decides the pace.
 * @throws TypeError if the writable is locked
 */
export function streamFromWritable<Out extends {}>(
  writable: WritableStream<Out>,
  options: WebOptions = {},
): SendStream<Out> {
  checkOptionNames("streamFromWritable", options, webOptionNames);
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
