import type { ObjectStream, ReceivedMessage, SendOptions, WaitOptions } from "@trunkline/streams";
import { WrappedStream } from "@trunkline/streams/kit";

/** A stream of bytes that knows how many went through it, also when it broke. */
export class CountedStream extends WrappedStream<Uint8Array> {
  receivedBytes = 0;
  /** Accepted by the stream below; after a break some of them did not arrive. */
  sentBytes = 0;

  constructor(stream: ObjectStream<Uint8Array>) {
    super(stream);
  }

  override send(chunk: Uint8Array, options?: SendOptions): Promise<void> {
    this.sentBytes += chunk.byteLength;
    return super.send(chunk, options);
  }

  override receive(options?: WaitOptions): Promise<Uint8Array | undefined> {
    return super.receive(options).then((chunk) => {
      this.receivedBytes += chunk?.byteLength ?? 0;
      return chunk;
    });
  }

  override receiveWithMetadata(options?: WaitOptions): Promise<ReceivedMessage<Uint8Array> | undefined> {
    return super.receiveWithMetadata(options).then((message) => {
      this.receivedBytes += message?.data.byteLength ?? 0;
      return message;
    });
  }
}
