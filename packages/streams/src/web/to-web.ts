/** Streams of this package as web streams, for `fetch`, `Response`, `pipeThrough` and all that takes those. */
import { type AbortSignalLike, onAbort } from "@trunkline/base";
import type { ObjectStream, ReceiveStream, SendStream } from "../contract/stream.js";
import type { WebPair } from "./from-web.js";

/**
 * Makes a pair of web streams of a stream, which belongs to the pair from now on. Closing the writable is `sendEof`,
 * the end of the stream closes the readable, and a broken stream errors both. Aborting the writable or cancelling the
 * readable aborts the stream, unless both have ended. Nothing is buffered here.
 */
export function toWeb<Out extends {}, In extends {} = Out>(stream: ObjectStream<Out, In>): WebPair<Out, In> {
  let received = false;
  let sent = false;
  const closeOnceEnded = (): void => {
    // Both have ended, so that nothing is waited for and nothing can be lost.
    if (received && sent) stream.close().catch(() => {});
  };
  const readable = readableOver(stream, {
    onEnd() {
      received = true;
      closeOnceEnded();
    },
    onCancel: (reason) => stream.abort(reason),
  });
  const writable = writableOver(stream, () => {
    sent = true;
    closeOnceEnded();
  });
  return { readable, writable };
}

/**
 * Makes a `ReadableStream` of a stream or of its receiving half. Cancelling it aborts the stream; its end closes
 * nothing.
 */
export function toReadable<In extends {}>(stream: ReceiveStream<In>): ReadableStream<In> {
  return readableOver(stream, { onEnd() {}, onCancel: (reason) => stream.abort(reason) });
}

/**
 * Makes a `WritableStream` of a stream or of its sending half. Closing it is `sendEof`, aborting it aborts the stream.
 */
export function toWritable<Out extends {}>(stream: SendStream<Out>): WritableStream<Out> {
  return writableOver(stream, () => {});
}

function readableOver<In extends {}>(
  stream: ReceiveStream<In>,
  { onEnd, onCancel }: { onEnd(): void; onCancel(reason: unknown): void },
): ReadableStream<In> {
  return new ReadableStream<In>(
    {
      async pull(controller) {
        const item = await stream.receive();
        if (item !== undefined) {
          controller.enqueue(item);
          return;
        }
        controller.close();
        onEnd();
      },
      cancel: onCancel,
    },
    { highWaterMark: 0 },
  );
}

function writableOver<Out extends {}>(stream: SendStream<Out>, onEnd: () => void): WritableStream<Out> {
  return new WritableStream<Out>(
    {
      start(controller) {
        // This comes before the `abort` below, which waits for a write that may wait for the other side.
        const { signal } = controller as { readonly signal?: AbortSignalLike };
        if (signal !== undefined) onAbort(signal, () => stream.abort(signal.reason));
        const broken = stream.brokenSignal;
        if (broken !== undefined) onAbort(broken, () => controller.error(broken.reason));
        if (broken?.aborted) controller.error(broken.reason);
      },
      write: (item) => stream.send(item),
      async close() {
        await stream.sendEof();
        onEnd();
      },
      abort: (reason) => stream.abort(reason),
    },
    { highWaterMark: 1 },
  );
}
