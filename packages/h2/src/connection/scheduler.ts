/**
 * Sends what waits on the streams: round-robin, a frame a turn, so that a large message never starves a small one.
 * Only streams that can send are in the ring; one whose window is closed costs nothing until WINDOW_UPDATE.
 */
import { frameHeaderBytes, writeFrameHeader } from "../frame/header.js";
import { writeHeaders } from "../frame/headers.js";
import { Flag, FrameType } from "../frame/types.js";
import type { HeaderField } from "../header-field.js";
import type { HpackEncoder } from "../hpack/encoder.js";
import { protocolInitialWindow, SendWindow } from "../stream/flow.js";
import type { Stream } from "../stream/stream.js";
import type { Output } from "./output.js";
import type { Settings } from "./settings.js";

/** A turn in the ring. Larger frames, where a peer takes them, measured no faster. */
const turnBytes = 16_384;
/** While less than this waits in the output, a message that fits a turn is written at once instead of queued. */
const directOutputBytes = 65_536;

export interface SchedulerEvents {
  /** END_STREAM has been written. */
  onEndWritten(stream: Stream): void;
  /** The queue has fallen below the low mark and someone waits for that. */
  onWritable(stream: Stream): void;
}

export class Scheduler {
  readonly #output: Output;
  readonly #encoder: HpackEncoder;
  readonly #settings: Settings;
  readonly #events: SchedulerEvents;
  readonly #highWaterMark: number;
  readonly connectionWindow: SendWindow = new SendWindow(protocolInitialWindow);
  /** HEADERS sections and DATA frames written so far. */
  framesSent = 0;
  /** What waits on all streams. */
  queuedBytes = 0;
  /** A ring as an array with a moving head; what was passed is dropped in large steps. */
  readonly #ring: (Stream | undefined)[] = [];
  #head = 0;

  constructor(
    output: Output,
    encoder: HpackEncoder,
    settings: Settings,
    highWaterMark: number,
    events: SchedulerEvents,
  ) {
    this.#output = output;
    this.#encoder = encoder;
    this.#settings = settings;
    this.#highWaterMark = highWaterMark;
    this.#events = events;
  }

  /** Some stream could send now. */
  get hasReady(): boolean {
    return this.#head < this.#ring.length && this.connectionWindow.available > 0;
  }

  /** Writes a section; what an END_STREAM in it changes is the caller's to do. @throws H2Error (scope `usage`) and has then written nothing */
  headers(stream: Stream, fields: readonly HeaderField[], endStream: boolean): void {
    writeHeaders(this.#output.writer, this.#encoder, stream.id, fields, endStream, this.#settings.peerMaxFrameSize);
    this.framesSent += 1;
    this.#output.announce();
  }

  /** One logical write: at once where it is small and nothing is in its way, else behind the stream's queue. */
  data(stream: Stream, chunks: readonly Uint8Array[], endStream: boolean): void {
    let bytes = 0;
    for (const chunk of chunks) bytes += chunk.length;
    const fits =
      this.#head === this.#ring.length && // Others wait for their turn: so does this one, or small writes would starve them.
      bytes <= turnBytes &&
      bytes <= stream.sendWindow.available &&
      bytes <= this.connectionWindow.available &&
      this.#output.length < directOutputBytes;
    if (stream.queue.length === 0 && (fits || bytes === 0)) {
      if (bytes > 0 || endStream) this.#writeChunks(stream, chunks, bytes, endStream);
      return;
    }
    for (const chunk of chunks) stream.queue.push(chunk);
    this.queuedBytes += bytes;
    stream.endQueued = endStream;
    this.schedule(stream);
  }

  /** To be written behind what is queued. */
  trailers(stream: Stream, fields: readonly HeaderField[]): void {
    stream.trailersQueued = fields;
    stream.endQueued = true;
    this.schedule(stream);
  }

  isWritable(stream: Stream): boolean {
    if (stream.queue.length < this.#highWaterMark) return true;
    stream.awaitsWritable = true;
    return false;
  }

  /** Puts the stream into the ring if it has something that its window lets it send. */
  schedule(stream: Stream): void {
    if (stream.scheduled || stream.queue.length === 0 || stream.sendWindow.available <= 0) return;
    stream.scheduled = true;
    this.#ring.push(stream);
    if (this.connectionWindow.available > 0) this.#output.announce();
  }

  /** The connection's window has opened. */
  connectionOpened(): void {
    if (this.hasReady) this.#output.announce();
  }

  /** Drops what waits on a stream that was reset. It leaves the ring when its turn comes. */
  drop(stream: Stream): void {
    this.queuedBytes -= stream.queue.length;
    stream.queue.clear();
    stream.endQueued = false;
    stream.trailersQueued = undefined;
    stream.awaitsWritable = false;
  }

  /** Writes turns until the output holds `limitBytes` or nobody can send. */
  pump(limitBytes: number): void {
    const { writer } = this.#output;
    while (this.hasReady && writer.length < limitBytes) this.#turn(this.#shift());
  }

  #turn(stream: Stream): void {
    stream.scheduled = false;
    // Zero where the stream was reset, or its window taken back, while it waited in the ring.
    const bytes = Math.min(
      turnBytes,
      stream.queue.length,
      stream.sendWindow.available,
      this.connectionWindow.available,
    );
    if (bytes > 0) {
      const last = bytes === stream.queue.length && stream.endQueued;
      this.#startData(stream, bytes, last && stream.trailersQueued === undefined);
      stream.queue.moveTo(this.#output.writer, bytes);
      this.queuedBytes -= bytes;
      if (last) this.#finish(stream);
    }
    this.schedule(stream);
    if (stream.awaitsWritable && stream.queue.length <= this.#highWaterMark >>> 1) {
      stream.awaitsWritable = false;
      this.#events.onWritable(stream);
    }
  }

  #finish(stream: Stream): void {
    const trailers = stream.trailersQueued;
    stream.endQueued = false;
    stream.trailersQueued = undefined;
    if (trailers !== undefined) this.headers(stream, trailers, true);
    this.#events.onEndWritten(stream);
  }

  #writeChunks(stream: Stream, chunks: readonly Uint8Array[], bytes: number, endStream: boolean): void {
    const { writer } = this.#output;
    this.#startData(stream, bytes, endStream);
    for (const chunk of chunks) writer.writePayload(chunk);
    this.#output.announce();
    if (endStream) this.#events.onEndWritten(stream);
  }

  #startData(stream: Stream, bytes: number, endStream: boolean): void {
    const { writer } = this.#output;
    writer.reserve(frameHeaderBytes);
    writeFrameHeader(writer, bytes, FrameType.DATA, endStream ? Flag.END_STREAM : 0, stream.id);
    this.framesSent += 1;
    stream.sendWindow.available -= bytes;
    this.connectionWindow.available -= bytes;
  }

  #shift(): Stream {
    const stream = this.#ring[this.#head] as Stream;
    this.#ring[this.#head] = undefined;
    this.#head += 1;
    if (this.#head === this.#ring.length) {
      this.#ring.length = 0;
      this.#head = 0;
    } else if (this.#head >= 1_024 && this.#head * 2 >= this.#ring.length) {
      this.#ring.splice(0, this.#head);
      this.#head = 0;
    }
    return stream;
  }
}
