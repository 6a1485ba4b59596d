/**
 * Takes received header sections: puts them together, decodes them (always, or the state of HPACK is lost), checks
 * them, and gives them to their handlers.
 */
import { ErrorCode } from "../error-code.js";
import { connectionError, streamError } from "../errors.js";
import { paddingBytes } from "../frame/padding.js";
import { priorityBytes, readDependency } from "../frame/priority.js";
import { Flag } from "../frame/types.js";
import type { DecodedField } from "../hpack/decoder.js";
import { readContentLength } from "../stream/content-length.js";
import { type Flaw, receivedFieldsFlaw, stripFieldSpace } from "../stream/field-form.js";
import { methodOf, requestFlaw, responseFlaw, trailersFlaw } from "../stream/headers.js";
import { Stream } from "../stream/stream.js";
import type { Core } from "./core.js";

/** A section whose CONTINUATION frames are still to come. */
interface PartialSection {
  readonly streamId: number;
  readonly endStream: boolean;
  readonly dependsOnItself: boolean;
  readonly fragments: Uint8Array[];
  bytes: number;
}

/**
 * The encoded bytes that are always decoded, a frame: a limit of a few bytes is meant to refuse requests, not
 * connections.
 */
const leastEncodedBytes = 16_384;

export class HeaderReceiver {
  readonly #core: Core;
  #partial: PartialSection | undefined;
  /** The number of whole sections that have come. */
  sections = 0;

  constructor(core: Core) {
    this.#core = core;
  }

  /** True where only CONTINUATION may come now. */
  get continuing(): boolean {
    return this.#partial !== undefined;
  }

  onHeaders(flags: number, streamId: number, bytes: Uint8Array, start: number, end: number): void {
    const padding = paddingBytes(flags, bytes, start, end);
    let fragmentAt = (flags & Flag.PADDED) === 0 ? start : start + 1;
    const fragmentEnd = end - padding;
    let dependsOnItself = false;
    if ((flags & Flag.PRIORITY) !== 0) {
      if (fragmentEnd - fragmentAt < priorityBytes)
        throw connectionError(ErrorCode.FRAME_SIZE_ERROR, "HEADERS too short for its priority");
      dependsOnItself = readDependency(bytes, fragmentAt) === streamId;
      fragmentAt += priorityBytes;
    }
    const endStream = (flags & Flag.END_STREAM) !== 0;
    if ((flags & Flag.END_HEADERS) !== 0) {
      this.#onSection(streamId, endStream, dependsOnItself, bytes, fragmentAt, fragmentEnd);
      return;
    }
    const fragment = bytes.slice(fragmentAt, fragmentEnd);
    this.#partial = { streamId, endStream, dependsOnItself, fragments: [fragment], bytes: fragment.length };
  }

  onContinuation(flags: number, streamId: number, bytes: Uint8Array, start: number, end: number): void {
    const partial = this.#partial as PartialSection;
    const { limits } = this.#core.options;
    if (streamId !== partial.streamId) {
      throw connectionError(
        ErrorCode.PROTOCOL_ERROR,
        `CONTINUATION on stream ${streamId} instead of ${partial.streamId}`,
      );
    }
    // CONTINUATION flood: an empty one counts too.
    if (partial.fragments.length > limits.maxContinuationFrames) {
      throw connectionError(
        ErrorCode.ENHANCE_YOUR_CALM,
        `header section of more than maxContinuationFrames (${limits.maxContinuationFrames})`,
      );
    }
    partial.bytes += end - start;
    this.#checkEncodedSize(partial.bytes);
    partial.fragments.push(bytes.slice(start, end));
    if ((flags & Flag.END_HEADERS) === 0) return;
    this.#partial = undefined;
    const block = joined(partial.fragments, partial.bytes);
    this.#onSection(streamId, partial.endStream, partial.dependsOnItself, block, 0, block.length);
  }

  #onSection(
    streamId: number,
    endStream: boolean,
    dependsOnItself: boolean,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void {
    const { decoder, table, options } = this.#core;
    this.sections += 1;
    this.#checkEncodedSize(end - start);
    const fields = decoder.decode(bytes, start, end, options.settings.maxHeaderListSize);
    if (options.stripFieldSpace) stripFieldSpace(fields);
    const stream = table.get(streamId);
    if (stream === undefined && options.role === "server" && !table.isLocal(streamId) && table.isIdle(streamId)) {
      this.#onRequest(streamId, endStream, dependsOnItself, fields);
      return;
    }
    if (stream === undefined || !stream.remoteOpen) {
      this.#onLateHeaders(streamId, stream, endStream);
      return;
    }
    if (dependsOnItself) throw streamError(streamId, ErrorCode.PROTOCOL_ERROR, "stream depends on itself");
    this.#checkSize(streamId);
    if (stream.receivedHeaders) this.#onTrailers(stream, endStream, fields);
    else this.#onResponse(stream, endStream, fields);
  }

  /** Refuses a section that is far past the limit: it is not even worth decoding. */
  #checkEncodedSize(bytes: number): void {
    const { settings, limits } = this.#core.options;
    const limit = Math.max(leastEncodedBytes, settings.maxHeaderListSize * limits.maxEncodedHeaderFactor);
    if (bytes <= limit) return;
    throw connectionError(
      ErrorCode.ENHANCE_YOUR_CALM,
      `encoded header section of ${bytes} bytes is larger than the limit (${limit})`,
    );
  }

  #onRequest(streamId: number, endStream: boolean, dependsOnItself: boolean, fields: DecodedField[]): void {
    const { late, table, settings, goAway, options, now } = this.#core;
    if (goAway.sent && streamId > (goAway.sentLastStreamId as number)) {
      // §6.8: past the last stream that we promised to serve; ignored, with what belongs to it.
      table.highestPeerId = streamId;
      if (!endStream) late.expect(streamId, settings.localInitialWindow.bytes, now);
      return;
    }
    if (table.peerHeld >= options.settings.maxConcurrentStreams) {
      table.highestPeerId = streamId;
      if (!endStream) late.expect(streamId, settings.localInitialWindow.bytes, now);
      this.#core.output.rstStream(streamId, ErrorCode.REFUSED_STREAM); // §5.1.2
      return;
    }
    const stream = new Stream(
      streamId,
      this.#core,
      undefined,
      settings.peerInitialWindow,
      settings.localInitialWindow,
      now,
    );
    table.addPeer(stream);
    table.apply(stream, "receiveHeaders");
    // Until the handler knows of it, only this method can release it.
    stream.released = true;
    if (dependsOnItself) throw streamError(streamId, ErrorCode.PROTOCOL_ERROR, "stream depends on itself");
    this.#checkSize(streamId);
    this.#checkForm(
      streamId,
      requestFlaw(fields, options.settings.enableConnectProtocol) ?? receivedFieldsFlaw(fields),
    );
    this.#begin(stream, fields);
    if (methodOf(fields) === "CONNECT") {
      stream.connectRequest = true;
      stream.expectedBytes = undefined; // RFC 9110 §9.3.6: what follows is the tunnel's, not content.
    }
    if (endStream) this.checkContentLength(stream, true);
    stream.released = false;
    if (endStream) this.#core.endReceived(stream);
    this.#hand(stream, fields, endStream);
  }

  /** Gives the request to the application, and learns who handles what follows. */
  #hand(stream: Stream, fields: DecodedField[], endStream: boolean): void {
    const core = this.#core;
    try {
      stream.handler = core.handler.onRequest?.(stream, fields, endStream);
    } catch (thrown) {
      stream.released = true;
      throw thrown;
    }
    if (stream.handler === undefined) core.release(stream);
    else if (stream.untoldReset !== undefined && !stream.released) stream.handler.onReset(stream.untoldReset);
  }

  #onResponse(stream: Stream, endStream: boolean, fields: DecodedField[]): void {
    const { guards, table, now } = this.#core;
    this.#checkForm(stream.id, responseFlaw(fields) ?? receivedFieldsFlaw(fields));
    const status = (fields[0] as DecodedField).value;
    if (status.charCodeAt(0) === 0x31) {
      // §8.1
      if (endStream) throw streamError(stream.id, ErrorCode.PROTOCOL_ERROR, "informational response with END_STREAM");
      guards.countUselessFrame(table.begun, now);
      stream.handler?.onInformational?.(fields);
      return;
    }
    this.#begin(stream, fields);
    stream.tunnel = stream.connectRequest && status.charCodeAt(0) === 0x32;
    // §8.1.1: these have no content and may announce the length that it would have had; of a tunnel none is announced.
    if (stream.headRequest || stream.tunnel || status === "304" || status === "204") stream.expectedBytes = undefined;
    else if (endStream) this.checkContentLength(stream, true);
    if (endStream) this.#core.endReceived(stream);
    stream.handler?.onHeaders?.(fields, endStream);
  }

  #onTrailers(stream: Stream, endStream: boolean, fields: DecodedField[]): void {
    if (stream.tunnel) throw streamError(stream.id, ErrorCode.PROTOCOL_ERROR, "HEADERS in a tunnel"); // §8.5
    if (!endStream) throw streamError(stream.id, ErrorCode.PROTOCOL_ERROR, "trailers without END_STREAM"); // §8.1
    this.#checkForm(stream.id, trailersFlaw(fields) ?? receivedFieldsFlaw(fields));
    this.checkContentLength(stream, true);
    this.#core.endReceived(stream);
    if (!stream.released) stream.handler?.onTrailers(fields);
  }

  #begin(stream: Stream, fields: DecodedField[]): void {
    stream.receivedHeaders = true;
    stream.expectedBytes = readContentLength(fields);
    if (Number.isNaN(stream.expectedBytes))
      throw streamError(stream.id, ErrorCode.PROTOCOL_ERROR, "malformed or contradictory content-length");
  }

  /** §8.1.1: the payload must add up to the announced length, and never pass it. */
  checkContentLength(stream: Stream, endStream: boolean): void {
    const expected = stream.expectedBytes;
    if (expected === undefined) return;
    if (stream.receivedBytes > expected || (endStream && stream.receivedBytes < expected)) {
      throw streamError(
        stream.id,
        ErrorCode.PROTOCOL_ERROR,
        `content of ${stream.receivedBytes} bytes is not the announced content-length (${expected})`,
      );
    }
  }

  /**
   * Refuses a decoded section past the limit, which ends its stream only. gRPC reads this code as RESOURCE_EXHAUSTED.
   */
  #checkSize(streamId: number): void {
    const { decoder, options } = this.#core;
    if (!decoder.listTooLarge) return;
    const limit = `maxHeaderListSize (${options.settings.maxHeaderListSize})`;
    const message = `header list of ${decoder.listBytes} bytes is larger than ${limit}`;
    throw streamError(streamId, ErrorCode.ENHANCE_YOUR_CALM, message);
  }

  #checkForm(streamId: number, flaw: Flaw): void {
    if (flaw !== undefined) throw streamError(streamId, ErrorCode.PROTOCOL_ERROR, `malformed message: ${flaw}`);
  }

  /** HEADERS on a stream that the peer may no longer send on, or never could (§5.1, §5.1.1). */
  #onLateHeaders(streamId: number, stream: Stream | undefined, endStream: boolean): void {
    const { late, table } = this.#core;
    if (late.takeHeaders(streamId, endStream)) return;
    if (stream !== undefined && stream.state === "halfClosedRemote")
      throw streamError(streamId, ErrorCode.STREAM_CLOSED, "HEADERS after the stream's end");
    if (table.endedLately(streamId))
      throw connectionError(ErrorCode.STREAM_CLOSED, `HEADERS on closed stream ${streamId}`);
    throw connectionError(ErrorCode.PROTOCOL_ERROR, `HEADERS on stream ${streamId}, which the peer may not open`);
  }
}

function joined(fragments: readonly Uint8Array[], bytes: number): Uint8Array {
  const block = new Uint8Array(bytes);
  let offset = 0;
  for (const fragment of fragments) {
    block.set(fragment, offset);
    offset += fragment.length;
  }
  return block;
}
