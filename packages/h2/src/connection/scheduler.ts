/**
 * Sends what waits on the streams: round-robin, a frame a turn, so that a large message never starves a small one.
 *
 * A stream with queued data stands in one of two places. The ring holds those whose window is open. The others are
 * blocked, in a heap ordered by how large the peer's initial window size must be before they may send: a change of that
 * setting (RFC 9113 §6.9.2) costs nothing by itself, and each stream that is taken from the heap then sends something.
 */
import { Fifo, Heap } from "@trunkline/base";
import { frameHeaderBytes, writeFrameHeader } from "../frame/header.js";
import { writeHeaders } from "../frame/headers.js";
import { Flag, FrameType } from "../frame/types.js";
import type { HeaderField } from "../header-field.js";
import type { HpackEncoder } from "../hpack/encoder.js";
import { guaranteedBytes } from "../options/byte-budget.js";
import type { ResolvedLimits } from "../options/limits.js";
import { protocolInitialWindow, SendWindow } from "../stream/flow.js";
import type { SendBlock } from "../stream/handler.js";
import type { Stream } from "../stream/stream.js";
import type { Output } from "./output.js";
import type { Settings } from "./settings.js";

/** The bytes of one turn in the ring. Larger frames, where a peer takes them, measured no faster. */
const turnBytes = 16_384;
/** While less than this waits in the output, a message that fits a turn is written at once instead of queued. */
const directOutputBytes = 65_536;

export interface SchedulerEvents {
  /** END_STREAM has been written. */
  onEndWritten(stream: Stream): void;
  /** There is room for more on a stream whose sender waits for it. */
  onWritable(stream: Stream): void;
}

type Limits = Pick<ResolvedLimits, "streamSendHighWaterMark" | "connectionSendHighWaterMark" | "sendBudget">;

export class Scheduler {
  readonly #output: Output;
  readonly #encoder: HpackEncoder;
  readonly #settings: Settings;
  readonly #events: SchedulerEvents;
  readonly #limits: Limits;
  readonly connectionWindow: SendWindow = new SendWindow({ bytes: protocolInitialWindow });
  /** The number of HEADERS sections and DATA frames written so far. */
  framesSent = 0;
  /** The bytes that wait on all streams. */
  queuedBytes = 0;
  /** The streams that may send. */
  readonly #ring: Fifo<Stream> = new Fifo();
  /** The streams whose window is shut, that which opens first at the top. */
  readonly #blocked: Heap<Stream> = new Heap();
  /** The number of streams in the ring that were reset since. */
  #deadInRing = 0;
  /** The streams whose senders wait for room on the connection, in order. */
  readonly #awaitRoom: Set<Stream> = new Set();
  /**
   * The streams of `#awaitRoom` whose own windows let their data go on: they wait only until the output was taken, or
   * the window of the connection opens.
   */
  #awaitOutput: Set<Stream> | undefined = undefined;
  readonly #onBudgetFree = (): void => this.#output.announce();

  constructor(output: Output, encoder: HpackEncoder, settings: Settings, limits: Limits, events: SchedulerEvents) {
    this.#output = output;
    this.#encoder = encoder;
    this.#settings = settings;
    this.#limits = limits;
    this.#events = events;
  }

  /** True where some stream could send now. */
  get hasReady(): boolean {
    return this.connectionWindow.available > 0 && (this.#ring.size > 0 || this.#opened);
  }

  /** True where the window of a blocked stream has been opened by the peer's SETTINGS. */
  get #opened(): boolean {
    const first = this.#blocked.first;
    return first !== undefined && first.sendWindow.available > 0;
  }

  /**
   * Writes a section; what an END_STREAM in it changes is the caller's to do. @throws H2Error (scope `usage`) and has
   * then written nothing
   */
  headers(stream: Stream, fields: readonly HeaderField[], endStream: boolean): void {
    writeHeaders(this.#output.writer, this.#encoder, stream.id, fields, endStream, this.#settings.peerMaxFrameSize);
    this.framesSent += 1;
    this.#output.announce();
  }

  /**
   * Takes one logical write: writes it at once where it is small and nothing is in its way, else queues it on its
   * stream.
   */
  data(stream: Stream, chunks: readonly Uint8Array[], endStream: boolean, onWritten: (() => void) | undefined): void {
    let bytes = 0;
    for (const chunk of chunks) bytes += chunk.length;
    const fits =
      this.#ring.size === 0 && // Others wait for their turn: so does this one, or small writes would starve them.
      bytes <= turnBytes &&
      bytes <= stream.sendWindow.available &&
      bytes <= this.connectionWindow.available &&
      this.#output.length < directOutputBytes;
    if (stream.bufferedBytes === 0 && (fits || bytes === 0)) {
      if (bytes > 0 || endStream) this.#writeChunks(stream, chunks, bytes, endStream);
      if (onWritten !== undefined) this.#output.writer.afterWrite(onWritten);
      return;
    }
    for (const chunk of chunks) stream.queue.push(chunk);
    if (onWritten !== undefined) stream.queue.afterWrite(onWritten);
    this.#countQueued(bytes);
    stream.endQueued = endStream;
    this.#place(stream);
  }

  /** Queues trailers behind what is queued. */
  trailers(stream: Stream, fields: readonly HeaderField[]): void {
    stream.trailersQueued = fields;
    stream.endQueued = true;
    this.#place(stream);
  }

  /** Returns the reason for which bytes of the stream, or of its sender, wait. */
  blockOf({ sendWindow, bufferedBytes, awaitsWritable }: Stream): SendBlock | undefined {
    if (bufferedBytes === 0 && !awaitsWritable) return undefined;
    if (sendWindow.available <= 0) return "stream-window";
    return this.connectionWindow.available <= 0 ? "connection-window" : "transport";
  }

  /** Returns whether the stream's sender may send more. Where not, `onWritable` follows. */
  isWritable(stream: Stream): boolean {
    if (stream.bufferedBytes >= this.#limits.streamSendHighWaterMark) {
      stream.awaitsWritable = true;
      return false;
    }
    if (this.#hasRoom(stream)) return true;
    this.#wait(stream);
    return false;
  }

  /**
   * Returns whether the connection has room for the stream's data: as long as little waits on it, and past that for a
   * stream whose data goes on as it comes, so that readers who shut their windows do not stop the others.
   */
  #hasRoom(stream: Stream): boolean {
    const { connectionSendHighWaterMark, sendBudget } = this.#limits;
    const { queuedBytes } = this;
    if (queuedBytes < connectionSendHighWaterMark && (queuedBytes < guaranteedBytes || sendBudget?.isFull !== true))
      return true;
    return this.#goesOnAtOnce && this.#mayGoOn(stream);
  }

  /** True while what is given to the output leaves at once. */
  get #goesOnAtOnce(): boolean {
    return this.#output.length < directOutputBytes && this.connectionWindow.available > 0;
  }

  /** True for a stream whose own window lets its data go on. */
  #mayGoOn({ sendWindow, bufferedBytes }: Stream): boolean {
    return sendWindow.available - bufferedBytes >= this.#limits.streamSendHighWaterMark >>> 1;
  }

  #wait(stream: Stream): void {
    stream.awaitsWritable = true;
    if (this.#mayGoOn(stream)) {
      this.#awaitOutput ??= new Set();
      this.#awaitOutput.add(stream);
    }
    if (this.#awaitRoom.has(stream)) return;
    this.#awaitRoom.add(stream);
    if (this.#limits.sendBudget?.isFull === true) this.#limits.sendBudget.whenFree(this.#onBudgetFree);
  }

  #waitNoMore(stream: Stream): void {
    stream.awaitsWritable = false;
    this.#awaitRoom.delete(stream);
    this.#awaitOutput?.delete(stream);
  }

  /** Tells those who wait for room on the connection that there is some. */
  tellRoom(): void {
    const { connectionSendHighWaterMark, sendBudget } = this.#limits;
    if (this.queuedBytes > connectionSendHighWaterMark >>> 1) return;
    for (const stream of this.#awaitRoom) {
      if (this.queuedBytes >= connectionSendHighWaterMark) return;
      if (this.queuedBytes >= guaranteedBytes && sendBudget?.isFull === true) {
        sendBudget.whenFree(this.#onBudgetFree);
        return;
      }
      this.#awaitRoom.delete(stream);
      this.#tellWritable(stream);
    }
  }

  /** Tells those who wait only for the output and the connection's window, after the output was taken. */
  tellOutput(): void {
    const waiting = this.#awaitOutput;
    if (waiting === undefined) return;
    // Those that have to wait again come behind those that are there.
    let left = waiting.size;
    for (const stream of waiting) {
      if (left-- === 0 || !this.#goesOnAtOnce) return;
      waiting.delete(stream);
      this.#tellWritable(stream);
    }
  }

  /** Tells a stream's sender, if it waits and its own queue is low enough. */
  #tellWritable(stream: Stream): void {
    if (!stream.awaitsWritable || stream.bufferedBytes > this.#limits.streamSendHighWaterMark >>> 1) return;
    if (!this.#hasRoom(stream)) {
      this.#wait(stream);
      return;
    }
    this.#waitNoMore(stream);
    this.#events.onWritable(stream);
  }

  /** WINDOW_UPDATE has come for the stream: puts it into the ring if it has something to send. */
  windowOpened(stream: Stream, increment: number): void {
    const wasBlocked = this.#blocked.remove(stream);
    stream.sendWindow.granted += increment;
    if (wasBlocked) this.#place(stream);
    if (this.#awaitRoom.has(stream)) this.#tellWritable(stream);
  }

  /** The peer's SETTINGS have changed the windows of all streams. */
  windowsMoved(): void {
    if (this.hasReady) this.#output.announce();
  }

  /** Puts a stream with queued data where it belongs. */
  #place(stream: Stream): void {
    if (stream.scheduled || stream.heapIndex !== -1 || stream.bufferedBytes === 0) return;
    if (stream.sendWindow.available <= 0) {
      this.#blocked.add(stream);
      return;
    }
    stream.scheduled = true;
    this.#ring.push(stream);
    if (this.connectionWindow.available > 0) this.#output.announce();
  }

  /** The connection's window has opened. */
  connectionOpened(): void {
    if (this.hasReady || (this.#awaitOutput?.size ?? 0) > 0) this.#output.announce();
  }

  /** Drops what waits on a stream that was reset. */
  drop(stream: Stream): void {
    this.#blocked.remove(stream);
    this.#countQueued(-stream.bufferedBytes);
    stream.dropQueue();
    stream.endQueued = false;
    stream.trailersQueued = undefined;
    this.#waitNoMore(stream);
    if (stream.scheduled) this.#leaveDead();
    if (this.#awaitRoom.size > 0) this.#output.announce();
  }

  /**
   * Counts a stream in the ring that was reset, and sweeps the ring when most of it is such: while the window of the
   * connection is shut no stream has its turn, and a peer could fill the ring with streams that it resets.
   */
  #leaveDead(): void {
    this.#deadInRing += 1;
    const { size } = this.#ring;
    if (this.#deadInRing < 64 || this.#deadInRing * 2 < size) return;
    for (let index = 0; index < size; index++) {
      const stream = this.#ring.shift() as Stream;
      if (stream.bufferedBytes > 0) this.#ring.push(stream);
      else stream.scheduled = false;
    }
    this.#deadInRing = 0;
  }

  /** Writes turns until the output holds `limitBytes` or no stream can send. */
  pump(limitBytes: number): void {
    const { writer } = this.#output;
    while (this.connectionWindow.available > 0 && writer.length < limitBytes) {
      if (this.#opened) this.#unblock(this.#blocked.first as Stream);
      const stream = this.#ring.shift();
      if (stream === undefined) break;
      this.#turn(stream);
    }
    this.tellRoom();
  }

  #unblock(stream: Stream): void {
    this.#blocked.remove(stream);
    this.#place(stream);
  }

  #turn(stream: Stream): void {
    stream.scheduled = false;
    if (stream.bufferedBytes === 0) {
      this.#deadInRing -= 1; // It was reset while it waited in the ring.
      return;
    }
    // Not above zero where its window was taken back meanwhile.
    const bytes = Math.min(
      turnBytes,
      stream.bufferedBytes,
      stream.sendWindow.available,
      this.connectionWindow.available,
    );
    if (bytes > 0) {
      const last = bytes === stream.bufferedBytes && stream.endQueued;
      this.#startData(stream, bytes, last && stream.trailersQueued === undefined);
      stream.queue.moveTo(this.#output.writer, bytes);
      this.#countQueued(-bytes);
      if (last) this.#finish(stream);
    }
    this.#place(stream);
    if (stream.awaitsWritable) this.#tellWritable(stream);
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
    stream.sendWindow.granted -= bytes;
    this.connectionWindow.granted -= bytes;
  }

  /** The connection is over: nothing waits for room any more. */
  close(): void {
    this.#awaitRoom.clear();
    this.#awaitOutput?.clear();
    this.#limits.sendBudget?.forget(this.#onBudgetFree);
  }

  #countQueued(bytes: number): void {
    this.queuedBytes += bytes;
    this.#limits.sendBudget?.add(bytes);
  }
}
