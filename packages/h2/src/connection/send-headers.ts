/** Header sections that go out: held to the rules that the peer holds them to (RFC 9113 §8), so that a mistake is told to the one who made it. */
import { ErrorCode } from "../error-code.js";
import { H2Error } from "../errors.js";
import type { HeaderField } from "../header-field.js";
import { type Flaw, fieldsFlaw } from "../stream/field-form.js";
import { methodOf, requestFlaw, responseFlaw, trailersFlaw } from "../stream/headers.js";
import type { Stream } from "../stream/stream.js";
import type { Core } from "./core.js";

/** @throws H2Error (scope `usage`); the stream is then as it was */
export function sendHeaders<Context>(
  core: Core<Context>,
  stream: Stream<Context>,
  fields: readonly HeaderField[],
  endStream: boolean,
): void {
  if (stream.endGiven) throw usage(stream.id, "headers after END_STREAM");
  if (stream.sentHeaders) sendTrailers(core, stream, fields, endStream);
  else if (core.options.role === "client") sendRequest(core, stream, fields, endStream);
  else sendResponse(core, stream, fields, endStream);
}

function sendRequest<Context>(
  core: Core<Context>,
  stream: Stream<Context>,
  fields: readonly HeaderField[],
  endStream: boolean,
): void {
  check(stream.id, requestFlaw(fields, core.settings.peerEnableConnectProtocol));
  write(core, stream, fields, endStream);
  const method = methodOf(fields);
  stream.headRequest = method === "HEAD";
  stream.connectRequest = method === "CONNECT";
  core.table.apply(stream, "sendHeaders");
  stream.sentHeaders = true;
  if (endStream) end(core, stream);
}

function sendResponse<Context>(
  core: Core<Context>,
  stream: Stream<Context>,
  fields: readonly HeaderField[],
  endStream: boolean,
): void {
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

function sendTrailers<Context>(
  core: Core<Context>,
  stream: Stream<Context>,
  fields: readonly HeaderField[],
  endStream: boolean,
): void {
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

function write<Context>(
  core: Core<Context>,
  stream: Stream<Context>,
  fields: readonly HeaderField[],
  endStream: boolean,
): void {
  try {
    core.scheduler.headers(stream, fields, endStream);
  } catch (thrown) {
    if (thrown instanceof H2Error) throw usage(stream.id, thrown.message);
    // From plain JavaScript anything may come for a string.
    check(stream.id, fieldsFlaw(fields));
    throw thrown;
  }
}

function end<Context>(core: Core<Context>, stream: Stream<Context>): void {
  stream.endGiven = true;
  core.endWritten(stream);
}

function check(streamId: number, flaw: Flaw): void {
  if (flaw !== undefined) throw usage(streamId, flaw);
}

export function usage(streamId: number, message: string): H2Error {
  return new H2Error(`stream ${streamId}: ${message}`, {
    errorCode: ErrorCode.INTERNAL_ERROR,
    scope: "usage",
    origin: "local",
    streamId,
  });
}
