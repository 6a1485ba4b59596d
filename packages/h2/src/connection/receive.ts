/** Handles received frames, a method a type. The rules of RFC 9113 §5 and §6 stand beside their checks. */
import { ErrorCode } from "../error-code.js";
import { connectionError, streamError } from "../errors.js";
import { readGoAway } from "../frame/go-away.js";
import { paddingBytes } from "../frame/padding.js";
import { checkPing } from "../frame/ping.js";
import { PrefaceReader } from "../frame/preface.js";
import { priorityBytes, readDependency } from "../frame/priority.js";
import { FrameReader, type FrameSink } from "../frame/reader.js";
import { readRstStream } from "../frame/rst-stream.js";
import { readSettings } from "../frame/settings.js";
import { Flag, FrameType, max31Bit } from "../frame/types.js";
import { readWindowUpdate } from "../frame/window-update.js";
import type { Core } from "./core.js";
import { HeaderReceiver } from "./receive-headers.js";

/** The DATA frames that explain one SETTINGS frame: a peer that adapts its windows does so a few times in all. */
const dataPerSettings = 100;

/**
 * The time that the frames of one connection may take in one go. Then the frames of other connections have their turn:
 * 64 KiB of tiny requests are tens of milliseconds of work.
 */
export const sliceMs = 5;
/** The number of frames between two looks at the clock, which costs a tenth of the work on the smallest frame. */
const framesPerLook = 8;
/**
 * The requests that are taken in one go. Most of the work on a request comes behind its callback, in promises, where
 * the clock does not see it.
 */
const requestsPerSlice = 64;

export class FrameReceiver implements FrameSink {
  readonly #core: Core;
  readonly #reader: FrameReader;
  readonly #headers: HeaderReceiver;
  /** A server waits for the client's preface first. */
  #preface: PrefaceReader | undefined;
  #dataFramesReceived = 0;
  #frames = 0;
  /** The time at which the work on the present chunk has taken its slice of the turn. */
  #sliceEndsMs = 0;
  #sliceEndsAtStream = 0;
  #sliceIsOver = false;

  constructor(core: Core) {
    this.#core = core;
    this.#reader = new FrameReader(this, core.options.settings.maxFrameSize);
    this.#headers = new HeaderReceiver(core);
    this.#preface = core.options.role === "server" ? new PrefaceReader() : undefined;
  }

  get stopped(): boolean {
    return this.#core.closed || this.#sliceIsOver;
  }

  /** Whether a frame or a header section has begun that is not whole, and whether it is DATA. */
  get unfinished(): "data" | "other" | undefined {
    if (this.#headers.continuing) return "other";
    if (!this.#reader.unfinished) return undefined;
    return this.#reader.unfinishedType === FrameType.DATA ? "data" : "other";
  }

  /** True where a header section has begun that is not whole. */
  get inHeaderSection(): boolean {
    const { unfinishedType } = this.#reader;
    return this.#headers.continuing || unfinishedType === FrameType.HEADERS;
  }

  /** The number of whole header sections so far. */
  get sections(): number {
    return this.#headers.sections;
  }

  get #hasHadItsSlice(): boolean {
    return this.#core.table.begun >= this.#sliceEndsAtStream || this.#core.currentMs >= this.#sliceEndsMs;
  }

  /** A number that grows with each frame, and with each 16 KiB of one that is not whole. */
  get progress(): number {
    return this.#frames + (this.#reader.unfinishedBytes >>> 14);
  }

  /**
   * Takes bytes of the peer, as many as there is time for. `share` is the part of the usual time that there is.
   * @returns how many were taken; the rest is given again later
   */
  receive(chunk: Uint8Array, share: number): number {
    let offset = 0;
    if (this.#preface !== undefined) {
      offset = this.#preface.receive(chunk);
      if (!this.#preface.done) return offset;
      this.#preface = undefined;
    }
    this.#sliceIsOver = false;
    this.#sliceEndsMs = this.#core.now + sliceMs * share;
    this.#sliceEndsAtStream =
      this.#core.options.role === "server"
        ? this.#core.table.begun + requestsPerSlice * share
        : Number.POSITIVE_INFINITY;
    return this.#reader.receive(chunk, offset);
  }

  onFrame(type: number, flags: number, streamId: number, bytes: Uint8Array, start: number, end: number): void {
    this.#frames += 1;
    if (this.#frames % framesPerLook === 0) this.#sliceIsOver = this.#hasHadItsSlice;
    if (!this.#core.settings.peerReceived && (type !== FrameType.SETTINGS || (flags & Flag.ACK) !== 0)) {
      throw connectionError(ErrorCode.PROTOCOL_ERROR, `frame of type ${type} before the peer's first SETTINGS`); // §3.4
    }
    try {
      if (this.#headers.continuing) {
        // §6.10: nothing may come between the frames of one header section.
        if (type !== FrameType.CONTINUATION)
          throw connectionError(ErrorCode.PROTOCOL_ERROR, `frame of type ${type} instead of CONTINUATION`);
        this.#headers.onContinuation(flags, streamId, bytes, start, end);
        return;
      }
      this.#dispatch(type, flags, streamId, bytes, start, end);
    } catch (thrown) {
      this.#core.contain(thrown);
    }
  }

  #dispatch(type: number, flags: number, streamId: number, bytes: Uint8Array, start: number, end: number): void {
    switch (type) {
      case FrameType.DATA:
        this.#onData(flags, onStream(streamId, "DATA"), bytes, start, end);
        return;
      case FrameType.HEADERS:
        this.#headers.onHeaders(flags, onStream(streamId, "HEADERS"), bytes, start, end);
        return;
      case FrameType.PRIORITY:
        this.#onPriority(onStream(streamId, "PRIORITY"), bytes, start, end);
        return;
      case FrameType.RST_STREAM:
        this.#onRstStream(onStream(streamId, "RST_STREAM"), bytes, start, end);
        return;
      case FrameType.SETTINGS:
        onConnection(streamId, "SETTINGS");
        this.#onSettings(flags, bytes, start, end);
        return;
      case FrameType.PUSH_PROMISE:
        throw connectionError(ErrorCode.PROTOCOL_ERROR, "PUSH_PROMISE, which SETTINGS_ENABLE_PUSH forbids"); // §8.4
      case FrameType.PING:
        onConnection(streamId, "PING");
        this.#onPing(flags, bytes, start, end);
        return;
      case FrameType.GOAWAY:
        onConnection(streamId, "GOAWAY");
        this.#onGoAway(bytes, start, end);
        return;
      case FrameType.WINDOW_UPDATE:
        this.#onWindowUpdate(streamId, bytes, start, end);
        return;
      case FrameType.CONTINUATION:
        throw connectionError(ErrorCode.PROTOCOL_ERROR, "CONTINUATION without HEADERS");
      default: // §5.5: unknown frames are ignored.
        this.#core.guards.countUselessFrame(this.#core.table.begun, this.#core.now);
    }
  }

  #onData(flags: number, streamId: number, bytes: Uint8Array, start: number, end: number): void {
    const { windows, table, guards, now } = this.#core;
    const length = end - start;
    const padding = paddingBytes(flags, bytes, start, end);
    const unread = (flags & Flag.PADDED) === 0 ? 0 : padding + 1;
    const endStream = (flags & Flag.END_STREAM) !== 0;
    if (!windows.receivedOnConnection(length)) {
      throw connectionError(
        ErrorCode.FLOW_CONTROL_ERROR,
        `DATA of ${length} bytes is larger than the connection's window (${windows.connection.available})`,
      );
    }
    this.#dataFramesReceived += 1;
    if (length === unread && !endStream) guards.countUselessFrame(table.begun, now); // CVE-2019-9518
    const stream = table.get(streamId);
    if (stream === undefined || !stream.remoteOpen) {
      windows.creditConnection();
      this.#onLateData(streamId, length, endStream);
      return;
    }
    if (!stream.receivedHeaders) throw streamError(streamId, ErrorCode.PROTOCOL_ERROR, "DATA before HEADERS");
    if (!windows.receivedOnStream(stream, length, unread, now)) {
      throw streamError(
        streamId,
        ErrorCode.FLOW_CONTROL_ERROR,
        `DATA of ${length} bytes is larger than the stream's window (${stream.receiveWindow.available})`,
      );
    }
    this.#headers.checkContentLength(stream, endStream);
    const dataAt = unread === 0 ? start : start + 1;
    if (endStream) this.#core.endReceived(stream);
    if (stream.released) windows.consumed(stream, length - unread);
    else stream.handler?.onData(bytes.subarray(dataAt, end - padding), endStream);
  }

  /** Takes DATA on a stream that the peer may no longer send on (§5.1). */
  #onLateData(streamId: number, length: number, endStream: boolean): void {
    const { late, table } = this.#core;
    if (late.takeData(streamId, length, endStream)) return;
    if (table.isIdle(streamId)) throw connectionError(ErrorCode.PROTOCOL_ERROR, `DATA on idle stream ${streamId}`);
    throw streamError(streamId, ErrorCode.STREAM_CLOSED, "DATA after the stream's end");
  }

  #onPriority(streamId: number, bytes: Uint8Array, start: number, end: number): void {
    if (end - start !== priorityBytes) {
      throw streamError(
        streamId,
        ErrorCode.FRAME_SIZE_ERROR,
        `PRIORITY of ${end - start} bytes is not ${priorityBytes}`,
      );
    }
    this.#core.guards.countUselessFrame(this.#core.table.begun, this.#core.now);
    if (readDependency(bytes, start) === streamId)
      throw streamError(streamId, ErrorCode.PROTOCOL_ERROR, "stream depends on itself");
  }

  #onRstStream(streamId: number, bytes: Uint8Array, start: number, end: number): void {
    const { late, table, guards, now } = this.#core;
    const errorCode = readRstStream(bytes, start, end);
    if (table.isIdle(streamId))
      throw connectionError(ErrorCode.PROTOCOL_ERROR, `RST_STREAM on idle stream ${streamId}`);
    const stream = table.get(streamId);
    if (stream === undefined || stream.state === "closed") {
      if (late.takeReset(streamId)) return;
      guards.countUselessFrame(table.begun, now);
      return;
    }
    stream.givenUp = !table.isLocal(streamId) && !stream.sentHeaders;
    this.#core.resetByPeer(stream, {
      errorCode,
      message: "the peer reset the stream",
      origin: "remote",
      scope: "stream",
      unprocessed: errorCode === ErrorCode.REFUSED_STREAM,
    });
  }

  #onSettings(flags: number, bytes: Uint8Array, start: number, end: number): void {
    const { settings, table, encoder, decoder, output, guards, handler, now, options } = this.#core;
    if ((flags & Flag.ACK) !== 0) {
      if (end !== start)
        throw connectionError(
          ErrorCode.FRAME_SIZE_ERROR,
          `SETTINGS acknowledgement of ${end - start} bytes is not empty`,
        );
      settings.acknowledged(); // §6.9.2: the peer has moved the windows of the streams it had open, and so have we.
      decoder.setMaxTableSize(settings.local.headerTableSize);
      return;
    }
    guards.settings(table.begun + this.#dataFramesReceived / dataPerSettings, now);
    const windowBefore = settings.peerInitialWindow.bytes;
    const entries = readSettings(bytes, start, end, options.limits.maxSettingsEntries);
    settings.applyPeer(entries, (size) => encoder.setMaxTableSize(size));
    if (settings.peerInitialWindow.bytes > windowBefore) this.#checkSendWindows();
    output.settingsAck();
    handler.onSettings?.();
    this.#core.tellStreamsAvailable();
  }

  /** §6.9.2: the windows of all streams have moved; none may pass 2^31-1. */
  #checkSendWindows(): void {
    const { table, scheduler, settings } = this.#core;
    const tooWide = table.widest.past(max31Bit - settings.peerInitialWindow.bytes);
    if (tooWide !== undefined) {
      throw connectionError(
        ErrorCode.FLOW_CONTROL_ERROR,
        `SETTINGS_INITIAL_WINDOW_SIZE moves the window of stream ${tooWide.id} past 2^31-1`,
      );
    }
    scheduler.windowsMoved();
  }

  #onPing(flags: number, bytes: Uint8Array, start: number, end: number): void {
    checkPing(start, end);
    const { pings, goAway, table, output, guards, handler, now, options } = this.#core;
    if ((flags & Flag.ACK) === 0) {
      guards.ping(this.#traffic, output.pingAnswers < options.limits.maxQueuedPingAnswers, now);
      output.pingAck(bytes, start);
      return;
    }
    const answer = pings.answered(bytes, start, now);
    if (answer === undefined) {
      guards.countUselessFrame(table.begun, now);
      return;
    }
    if (goAway.waitsFor(answer.pingId)) this.#core.finishGoAway();
    else handler.onPong?.(answer.pingId, answer.roundTripMs);
  }

  #onGoAway(bytes: Uint8Array, start: number, end: number): void {
    const { goAway, table, handler, options, guards, now } = this.#core;
    guards.countUselessFrame(table.begun, now); // A graceful shutdown takes two.
    const frame = readGoAway(bytes, start, end);
    goAway.receive(frame);
    for (const stream of table.localAbove(frame.lastStreamId)) {
      this.#core.resetByPeer(stream, {
        errorCode: ErrorCode.REFUSED_STREAM,
        message: goAway.error?.message ?? "the peer is going away and did not take the stream",
        origin: "remote",
        scope: "stream",
        unprocessed: true,
      });
    }
    handler.onGoAway?.(frame.lastStreamId, frame.errorCode, frame.debugData);
    if (options.role === "client") this.#core.finishIfDrained();
  }

  #onWindowUpdate(streamId: number, bytes: Uint8Array, start: number, end: number): void {
    const { scheduler, table, guards, now } = this.#core;
    const increment = readWindowUpdate(bytes, start, end);
    guards.windowUpdate(table.begun, scheduler.framesSent, now);
    if (streamId === 0) {
      if (increment === 0) throw connectionError(ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE of 0");
      if (scheduler.connectionWindow.available + increment > max31Bit) {
        throw connectionError(
          ErrorCode.FLOW_CONTROL_ERROR,
          `WINDOW_UPDATE of ${increment} moves the connection's window past 2^31-1`,
        );
      }
      scheduler.connectionWindow.granted += increment;
      scheduler.connectionOpened();
      return;
    }
    if (table.isIdle(streamId))
      throw connectionError(ErrorCode.PROTOCOL_ERROR, `WINDOW_UPDATE on idle stream ${streamId}`);
    const stream = table.get(streamId);
    if (stream === undefined || stream.state === "closed") return;
    if (increment === 0) throw streamError(streamId, ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE of 0");
    if (stream.sendWindow.available + increment > max31Bit) {
      throw streamError(
        streamId,
        ErrorCode.FLOW_CONTROL_ERROR,
        `WINDOW_UPDATE of ${increment} moves the stream's window past 2^31-1`,
      );
    }
    scheduler.windowOpened(stream, increment);
    table.widest.grew(stream);
  }

  /** The traffic so far that explains PINGs. */
  get #traffic(): number {
    return this.#core.scheduler.framesSent + this.#dataFramesReceived;
  }
}

function onStream(streamId: number, name: string): number {
  if (streamId === 0) throw connectionError(ErrorCode.PROTOCOL_ERROR, `${name} on stream 0`);
  return streamId;
}

function onConnection(streamId: number, name: string): void {
  if (streamId !== 0) throw connectionError(ErrorCode.PROTOCOL_ERROR, `${name} on stream ${streamId} instead of 0`);
}
