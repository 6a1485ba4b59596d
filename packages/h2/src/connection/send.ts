/**
 * Sends header sections and payload. Sections are held to the rules that the peer holds them to (RFC 9113 §8): a
 * mistake is told to the caller who made it.
 */
import { isBytes } from "@trunkline/base";
import { H2Error, usageError } from "../errors.js";
import type { HeaderField } from "../header-field.js";
import type { ResolvedOptions } from "../options/connection-options.js";
import { type Flaw, fieldsFlaw } from "../stream/field-form.js";
import type { SendEnd } from "../stream/handler.js";
import { methodOf, requestFlaw, responseFlaw, trailersFlaw } from "../stream/headers.js";
import type { Stream } from "../stream/stream.js";
import type { Output } from "./output.js";
import type { Scheduler } from "./scheduler.js";
import type { Settings } from "./settings.js";
import type { StreamTable } from "./stream-table.js";

/** The parts of a connection that sending needs. */
export interface Sender {
  readonly options: ResolvedOptions;
  readonly settings: Settings;
  readonly table: StreamTable;
  readonly output: Output;
  readonly scheduler: Scheduler;
  /** True where a look at the output that waits is due at a known time. */
  readonly outputWatched: boolean;
  /** Takes note that END_STREAM was written. */
  endWritten(stream: Stream): void;
}

/** @throws H2Error (scope `usage`); the stream is then as it was */
export function sendHeaders(sender: Sender, stream: Stream, fields: readonly HeaderField[], endStream: boolean): void {
  if (stream.endGiven) throw usage(stream.id, "headers after END_STREAM");
  if (stream.sentHeaders) sendTrailers(sender, stream, fields, endStream);
  else if (sender.options.role === "client") sendRequest(sender, stream, fields, endStream);
  else sendResponse(sender, stream, fields, endStream);
}

function sendRequest(sender: Sender, stream: Stream, fields: readonly HeaderField[], endStream: boolean): void {
  check(stream.id, requestFlaw(fields, sender.settings.peerEnableConnectProtocol));
  write(sender, stream, fields, endStream);
  const method = methodOf(fields);
  stream.headRequest = method === "HEAD";
  stream.connectRequest = method === "CONNECT";
  sender.table.apply(stream, "sendHeaders");
  stream.sentHeaders = true;
  if (endStream) end(sender, stream);
}

function sendResponse(sender: Sender, stream: Stream, fields: readonly HeaderField[], endStream: boolean): void {
  check(stream.id, responseFlaw(fields));
  // The only pseudo-header is the first field.
  const statusClass = (fields[0] as HeaderField).value.charCodeAt(0);
  const informational = statusClass === 0x31;
  if (informational && endStream) throw usage(stream.id, "an informational response cannot end the stream");
  write(sender, stream, fields, endStream);
  stream.sentHeaders = !informational;
  stream.tunnel = stream.connectRequest && statusClass === 0x32;
  if (endStream) end(sender, stream);
}

function sendTrailers(sender: Sender, stream: Stream, fields: readonly HeaderField[], endStream: boolean): void {
  if (!endStream) throw usage(stream.id, "a second header section must end the stream");
  if (stream.tunnel) throw usage(stream.id, "trailers in a tunnel"); // §8.5
  check(stream.id, trailersFlaw(fields));
  if (stream.bufferedBytes === 0) {
    write(sender, stream, fields, true);
    end(sender, stream);
    return;
  }
  // They are written later, when no caller can be told of a flaw.
  check(stream.id, fieldsFlaw(fields));
  stream.endGiven = true;
  sender.scheduler.trailers(stream, fields);
}

function write(sender: Sender, stream: Stream, fields: readonly HeaderField[], endStream: boolean): void {
  try {
    sender.scheduler.headers(stream, fields, endStream);
  } catch (thrown) {
    if (thrown instanceof H2Error) throw usage(stream.id, thrown.message);
    // From plain JavaScript anything may come for a string.
    check(stream.id, fieldsFlaw(fields));
    throw thrown;
  }
}

function end(sender: Sender, stream: Stream): void {
  stream.endGiven = true;
  sender.endWritten(stream);
}

/** @throws H2Error (scope `usage`) before headers or after END_STREAM */
export function sendData(
  sender: Sender,
  stream: Stream,
  chunks: Uint8Array | readonly Uint8Array[],
  { endStream, onWritten }: SendEnd,
): void {
  if (!stream.sentHeaders) throw usage(stream.id, "data before headers");
  if (stream.endGiven) throw usage(stream.id, "data after END_STREAM");
  const list = isBytes(chunks) ? [chunks] : chunks;
  if (!Array.isArray(list)) throw usage(stream.id, "data that is no Uint8Array");
  for (const chunk of list) if (!isBytes(chunk)) throw usage(stream.id, "data that is no Uint8Array");
  stream.endGiven = endStream;
  sender.scheduler.data(stream, list, endStream, onWritten);
  // What a shut window holds back is watched from the next `takeOutput` on.
  if (sender.options.role === "server" && !sender.outputWatched && sender.scheduler.queuedBytes > 0)
    sender.output.announce();
}

function check(streamId: number, flaw: Flaw): void {
  if (flaw !== undefined) throw usage(streamId, flaw);
}

/** Returns the error for a wrong call on a stream. */
export function usage(streamId: number, message: string): H2Error {
  return usageError(`stream ${streamId}: ${message}`, streamId);
}
