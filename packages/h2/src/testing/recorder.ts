/** A handler that writes down what it is told, for tests that look at the order of calls. */
import type { Connection } from "../connection/connection.js";
import type { ConnectionHandler } from "../connection/handler.js";
import type { H2Error } from "../errors.js";
import type { HeaderField } from "../header-field.js";
import type { Http2Stream, StreamHandler, StreamReset } from "../stream/handler.js";

/** A header section that came in, its fields as text. */
export interface RecordedSection<Kind extends string> {
  readonly kind: Kind;
  readonly streamId: number;
  readonly fields: readonly string[];
  readonly endStream: boolean;
}

/** An event that a handler was told, written down. */
export type RecordedEvent =
  | RecordedSection<"headers">
  | RecordedSection<"informational">
  | RecordedSection<"trailers">
  | { readonly kind: "data"; readonly streamId: number; readonly bytes: readonly number[]; readonly endStream: boolean }
  | { readonly kind: "reset"; readonly streamId: number; readonly reset: StreamReset }
  | { readonly kind: "writable"; readonly streamId: number }
  | { readonly kind: "streamsAvailable" }
  | { readonly kind: "settings" }
  | { readonly kind: "goAway"; readonly lastStreamId: number; readonly errorCode: number }
  | { readonly kind: "pong"; readonly pingId: number; readonly roundTripMs: number }
  | { readonly kind: "close"; readonly error: H2Error | undefined };

export class RecordingHandler implements ConnectionHandler {
  readonly events: RecordedEvent[] = [];
  readonly #streams: Map<number, Http2Stream> = new Map();

  /** The handle of a stream that was opened by either side. */
  stream(streamId: number): Http2Stream {
    const stream = this.#streams.get(streamId);
    if (stream === undefined) throw new Error(`stream ${streamId} was not opened`);
    return stream;
  }

  /** Opens the next stream of a client `connection`, whose events are recorded here. */
  open(connection: Connection): Http2Stream | undefined {
    let streamId = 0;
    const stream = connection.openStream(this.#handlerOf(() => streamId));
    if (stream === undefined) return undefined;
    streamId = stream.id;
    this.#streams.set(streamId, stream);
    return stream;
  }

  onRequest(stream: Http2Stream, fields: readonly HeaderField[], endStream: boolean): StreamHandler {
    this.#streams.set(stream.id, stream);
    const handler = this.#handlerOf(() => stream.id);
    this.onHeaders(stream.id, fields, endStream);
    return handler;
  }

  /** A handler that records the events of one stream. */
  #handlerOf(streamId: () => number): StreamHandler {
    return {
      onHeaders: (fields, endStream) => this.onHeaders(streamId(), fields, endStream),
      onInformational: (fields) => this.onInformational(streamId(), fields),
      onData: (data, endStream) => this.onData(streamId(), data, endStream),
      onTrailers: (fields) => this.onTrailers(streamId(), fields),
      onReset: (reset) => this.onReset(streamId(), reset),
      onWritable: () => this.onWritable(streamId()),
    };
  }

  onHeaders(streamId: number, fields: readonly HeaderField[], endStream: boolean): void {
    this.events.push({ kind: "headers", streamId, fields: lines(fields), endStream });
  }

  onInformational(streamId: number, fields: readonly HeaderField[]): void {
    this.events.push({ kind: "informational", streamId, fields: lines(fields), endStream: false });
  }

  onData(streamId: number, data: Uint8Array, endStream: boolean): void {
    this.events.push({ kind: "data", streamId, bytes: [...data], endStream });
  }

  onTrailers(streamId: number, fields: readonly HeaderField[]): void {
    this.events.push({ kind: "trailers", streamId, fields: lines(fields), endStream: true });
  }

  onReset(streamId: number, reset: StreamReset): void {
    this.events.push({ kind: "reset", streamId, reset });
  }

  onWritable(streamId: number): void {
    this.events.push({ kind: "writable", streamId });
  }

  onStreamsAvailable(): void {
    this.events.push({ kind: "streamsAvailable" });
  }

  onGoAway(lastStreamId: number, errorCode: number): void {
    this.events.push({ kind: "goAway", lastStreamId, errorCode });
  }

  onSettings(): void {
    this.events.push({ kind: "settings" });
  }

  onPong(pingId: number, roundTripMs: number): void {
    this.events.push({ kind: "pong", pingId, roundTripMs });
  }

  onClose(error: H2Error | undefined): void {
    this.events.push({ kind: "close", error });
  }

  /** The events of one kind. */
  of<Kind extends RecordedEvent["kind"]>(kind: Kind): Extract<RecordedEvent, { kind: Kind }>[] {
    return this.events.filter((event): event is Extract<RecordedEvent, { kind: Kind }> => event.kind === kind);
  }
}

function lines(fields: readonly HeaderField[]): string[] {
  return fields.map(({ name, value }) => `${name}: ${value}`);
}
