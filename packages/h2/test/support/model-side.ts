/**
 * One end of a model: it does what it is told, writes down what came, and notes the first thing that is wrong. What its
 * streams carry can be foretold: the octets from their place, the fields from the stream.
 */
import {
  Connection,
  type ConnectionOptions,
  ErrorCode,
  type H2Error,
  type HeaderField,
  type Http2Stream,
  type StreamHandler,
  type StreamReset,
} from "../../src/index.js";
import { request, response } from "./endpoint.js";

/** The octet at `offset` of what `end` sends on `streamId`. */
const octet = (end: number, streamId: number, offset: number): number =>
  (offset * 131 + (offset >>> 8) * 17 + streamId * 7 + end * 91) & 0xff;

/** Some come again and go into the header table, some never do. */
const ownFields = (end: number, streamId: number): HeaderField[] => [
  { name: "x-end", value: String(end) },
  { name: `x-${streamId % 7}`, value: `stream ${streamId} ${"v".repeat((streamId * 37) % 300)}` },
];

export interface Half {
  stream: Http2Stream | undefined;
  sent: number;
  sentEnd: boolean;
  sentHeaders: boolean;
  informational: number;
  received: number;
  unread: number;
  ended: boolean;
  reset: StreamReset | undefined;
  resetByUs: boolean;
  released: boolean;
}

export class ModelSide {
  readonly end: 0 | 1;
  readonly connection: Connection;
  readonly halves: Map<number, Half> = new Map();
  /** The first thing that was wrong. */
  broken: string | undefined;
  /** The end of the connection. */
  closed: { readonly error: H2Error | undefined } | undefined;
  pongs = 0;

  constructor(end: 0 | 1, options: Omit<ConnectionOptions, "role">) {
    this.end = end;
    this.connection = new Connection(
      { ...options, role: end === 0 ? "client" : "server" },
      {
        onRequest: (stream, fields, endStream) => {
          const half = newHalf(false);
          this.#begin(half, stream);
          this.#onHeaders(half, fields, endStream);
          return this.#handlerOf(half);
        },
        onPong: () => {
          this.pongs += 1;
        },
        onClose: (error) => {
          this.#check(this.closed === undefined, "the connection ended twice");
          this.closed = { error };
        },
      },
    );
  }

  #begin(half: Half, stream: Http2Stream): void {
    half.stream = stream;
    this.halves.set(stream.id, half);
  }

  #onHeaders(half: Half, fields: readonly HeaderField[], endStream: boolean): void {
    const streamId = half.stream?.id ?? 0;
    this.#check(!half.released, `headers on released stream ${streamId}`);
    this.#checkFields(streamId, fields);
    if (endStream) this.#finish(half);
  }

  #handlerOf(half: Half): StreamHandler {
    const streamId = (): number => half.stream?.id ?? 0;
    return {
      onHeaders: (fields, endStream) => this.#onHeaders(half, fields, endStream),
      onInformational: () => {
        half.informational += 1;
        this.#check(!half.released, `an informational response on released stream ${streamId()}`);
      },
      onData: (data, endStream) => {
        this.#check(!half.released && !half.ended, `data on stream ${streamId()} after its end`);
        for (const value of data) {
          if (value !== octet(1 - this.end, streamId(), half.received))
            this.#check(false, `wrong octet ${half.received} on stream ${streamId()}`);
          half.received += 1;
        }
        half.unread += data.length;
        if (endStream) this.#finish(half);
      },
      onTrailers: (fields) => {
        this.#check(!half.released, `trailers on released stream ${streamId()}`);
        const sent = fields.find(({ name }) => name === "x-sent")?.value;
        this.#check(
          sent === String(half.received),
          `trailers of stream ${streamId()} after ${half.received} octets of ${sent}`,
        );
        this.#finish(half);
      },
      onReset: (reset) => {
        this.#check(
          !half.released && half.reset === undefined && !half.resetByUs,
          `reset of stream ${streamId()} that is gone`,
        );
        half.reset = reset;
      },
      onWritable: () => {
        this.#check(!half.released, `released stream ${streamId()} is writable`);
      },
    };
  }

  /** A client's. */
  open(): number | undefined {
    const half = newHalf(true);
    const stream = this.connection.openStream(this.#handlerOf(half));
    if (stream === undefined) return undefined;
    this.#begin(half, stream);
    stream.sendHeaders([...request, ...ownFields(this.end, stream.id)], { endStream: false });
    return stream.id;
  }

  send(streamId: number, bytes: number, last: boolean): void {
    const half = this.#sendable(streamId);
    if (half === undefined) return;
    const chunk = Uint8Array.from({ length: bytes }, (_, index) => octet(this.end, streamId, half.sent + index));
    half.sent += bytes;
    half.sentEnd = last;
    const cut = bytes >>> 1;
    half.stream?.sendData([chunk.subarray(0, cut), chunk.subarray(cut)], { endStream: last });
    void half.stream?.isWritable;
  }

  trailers(streamId: number): void {
    const half = this.#sendable(streamId);
    if (half === undefined) return;
    half.sentEnd = true;
    const fields = [{ name: "x-sent", value: String(half.sent) }, ...ownFields(this.end, streamId)];
    half.stream?.sendHeaders(fields, { endStream: true });
  }

  /** A server's. */
  inform(streamId: number): void {
    const half = this.halves.get(streamId);
    if (this.end === 0 || half === undefined || half.sentHeaders || half.released) return;
    half.stream?.sendHeaders([{ name: ":status", value: "103" }], { endStream: false });
  }

  read(streamId: number, bytes: number): void {
    const half = this.halves.get(streamId);
    if (half === undefined) return;
    const count = Math.min(bytes, half.unread);
    half.unread -= count;
    half.stream?.acknowledge(count);
  }

  reset(streamId: number): void {
    const half = this.halves.get(streamId);
    if (half === undefined || half.reset !== undefined || half.released) return;
    half.resetByUs = true;
    half.stream?.reset(ErrorCode.CANCEL);
  }

  release(streamId: number): void {
    const half = this.halves.get(streamId);
    if (half === undefined) return;
    half.released = true;
    half.stream?.release();
  }

  /** Returns whether the stream has not simply stopped: it was whole, or a side said that it broke. */
  settled(streamId: number): boolean {
    const half = this.halves.get(streamId);
    return half === undefined || half.ended || half.released || half.resetByUs || half.reset !== undefined;
  }

  #sendable(streamId: number): Half | undefined {
    const half = this.halves.get(streamId);
    if (half === undefined || half.sentEnd || half.released || half.reset !== undefined || half.resetByUs)
      return undefined;
    if (!half.sentHeaders) {
      half.sentHeaders = true;
      half.stream?.sendHeaders([...response, ...ownFields(this.end, streamId)], { endStream: false });
    }
    return half;
  }

  #checkFields(streamId: number, fields: readonly HeaderField[]): void {
    for (const { name, value } of ownFields(1 - this.end, streamId)) {
      this.#check(
        fields.some((field) => field.name === name && field.value === value),
        `field ${name} of stream ${streamId} has not come as it was`,
      );
    }
  }

  #finish(half: Half): void {
    this.#check(!half.ended, "an end after the end");
    half.ended = true;
  }

  #check(isSo: boolean, message: string): void {
    if (!isSo) this.broken ??= message;
  }
}

function newHalf(sentHeaders: boolean): Half {
  return {
    stream: undefined,
    sent: 0,
    sentEnd: false,
    sentHeaders,
    informational: 0,
    received: 0,
    unread: 0,
    ended: false,
    reset: undefined,
    resetByUs: false,
    released: false,
  };
}
