/** Sends header sections and payload. Sections are held to the rules that the peer holds them to (RFC 9113 §8): a mistake is told to the caller who made it. */
import { isBytes } from "@trunkline/base";
import { H2Error, usageError } from "../errors.js";
import type { HeaderField } from "../header-field.js";
import { type Flaw, fieldsFlaw } from "../stream/field-form.js";
import { methodOf, requestFlaw, responseFlaw, trailersFlaw } from "../stream/headers.js";
import type { Stream } from "../stream/stream.js";
import type { Core } from "./core.js";

/** @throws H2Error (scope `usage`); the stream is then as it was */
export function sendHeaders(core: Core, stream: Stream, fields: readonly HeaderField[], endStream: boolean): void {
  if (stream.endGiven) throw usage(stream.id, "headers after END_STREAM");
  if (stream.sentHeaders) sendTrailers(core, stream, fields, endStream);
  else if (core.options.role === "client") sendRequest(core, stream, fields, endStream);
  else sendResponse(core, stream, fields, endStream);
}

function sendRequest(core: Core, stream: Stream, fields: readonly HeaderField[], endStream: boolean): void {
  check(stream.id, requestFlaw(fields, core.settings.peerEnableConnectProtocol));
  write(core, stream, fields, endStream);
  const method = methodOf(fields);
  stream.headRequest = method === "HEAD";
  stream.connectRequest = method === "CONNECT";
  core.table.apply(stream, "sendHeaders");
  stream.sentHeaders = true;
  if (endStream) end(core, stream);
}

function sendResponse(core: Core, stream: Stream, fields: readonly HeaderField[], endStream: boolean): void {
  check(stream.id, responseFlaw(fields));
  // The only pseudo-header is the first field.
  const statusClass = (fields[0] as HeaderField).value.charCodeAt(0);
  const informational = statusClass === 0x31;
  if (informational && endStream) throw usage(stream.id, "an informational response cannot end the stream");
  write(core, stream, fields, endStream);
  stream.sentHeaders = !informational;
  stream.tunnel = stream.connectRequest && statusClass === 0x32;
  if (endStream) end(core, stream);
}

function sendTrailers(core: Core, stream: Stream, fields: readonly HeaderField[], endStream: boolean): void {
  if (!endStream) throw usage(stream.id, "a second header section must end the stream");
  if (stream.tunnel) throw usage(stream.id, "trailers in a tunnel"); // §8.5
  check(stream.id, trailersFlaw(fields));
  if (stream.queue.length === 0) {
    write(core, stream, fields, true);
    end(core, stream);
    return;
  }
  // They are written when nobody is there any more to be told.
  check(stream.id, fieldsFlaw(fields));
  stream.endGiven = true;
  core.scheduler.trailers(stream, fields);
}

function write(core: Core, stream: Stream, fields: readonly HeaderField[], endStream: boolean): void {
  try {
    core.scheduler.headers(stream, fields, endStream);
  } catch (thrown) {
    if (thrown instanceof H2Error) throw usage(stream.id, thrown.message);
    // From plain JavaScript anything may come for a string.
    check(stream.id, fieldsFlaw(fields));
    throw thrown;
  }
}

function end(core: Core, stream: Stream): void {
  stream.endGiven = true;
  core.endWritten(stream);
}

/** @throws H2Error (scope `usage`) before headers or after END_STREAM */
export function sendData(
  core: Core,
  stream: Stream,
  chunks: Uint8Array | readonly Uint8Array[],
  endStream: boolean,
): void {
  if (!stream.sentHeaders) throw usage(stream.id, "data before headers");
  if (stream.endGiven) throw usage(stream.id, "data after END_STREAM");
  const list = isBytes(chunks) ? [chunks] : chunks;
  if (!Array.isArray(list) || !list.every(isBytes)) throw usage(stream.id, "data that is no Uint8Array");
  stream.endGiven = endStream;
  core.scheduler.data(stream, list, endStream);
  // What a shut window holds back is watched from the next `takeOutput` on.
  if (core.options.role === "server" && !core.outputWatched && core.scheduler.queuedBytes > 0) core.output.announce();
}

function check(streamId: number, flaw: Flaw): void {
  if (flaw !== undefined) throw usage(streamId, flaw);
}

/** Returns the error for a wrong call on a stream. */
export function usage(streamId: number, message: string): H2Error {
  return usageError(`stream ${streamId}: ${message}`, streamId);
}
