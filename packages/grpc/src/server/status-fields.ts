/** The trailers of a call: its status, cut to the size that the client takes. */
import type { HeaderField } from "@trunkline/h2";
import type { Metadata } from "@trunkline/metadata";
import { listBytes, retryPushbackFields, trailerFields } from "../wire/headers.js";
import { Status } from "../wire/status.js";
import { encodeStatusDetails, noDetails, type PackedDetails, statusDetailsName } from "../wire/status-details.js";

/** A status as it goes out; a `GrpcError` is one. */
export interface StatusToSend {
  readonly status: Status;
  readonly message: string;
  readonly details: PackedDetails;
  readonly retryPushbackMs?: number | undefined;
}

/** The status of a call that succeeded. */
export const okStatus: StatusToSend = Object.freeze({ status: Status.OK, message: "", details: noDetails });

/**
 * The bytes of an answer's first fields (`:status`, `content-type`), which stand before the status in an answer without
 * messages.
 */
const answerHeadBytes = 160;
/**
 * The size that is assumed for clients that announce none. HTTP/2 calls that unlimited, but nghttp2, and with it
 * grpc-js, stops reading the connection at about this size, and the call would never end.
 */
const assumedBytes = 65_536;
/**
 * The number of characters of a message that are worth more than its details: those are left out before it is cut
 * further.
 */
const leastCharacters = 200;

/**
 * Returns the trailers of a call. The status code always arrives (grpc-node#1533): if the trailers are larger than the
 * client takes, the message is cut; if that is not enough, the details and then the metadata are left out. The message
 * says so. Metadata is never left out of a call that succeeded, since nobody would notice: such a call fails with
 * RESOURCE_EXHAUSTED.
 */
export function statusFields(
  sent: StatusToSend,
  metadata: Metadata | undefined,
  announcedBytes: number,
): readonly HeaderField[] {
  const announced = announcedBytes !== Number.POSITIVE_INFINITY;
  const maxBytes = announced ? announcedBytes : assumedBytes;
  const own = [...(metadata?.toWire() ?? []), ...retryPushbackFields(sent.retryPushbackMs)];
  const whole = fieldsOf(sent, sent.message, own, sent.details);
  const most = maxBytes - answerHeadBytes;
  if (whole.length === 1 || listBytes(whole) <= most) return whole;
  const bare = trailerFields(sent.status, "", own);
  // Metadata is sent in full to a client that may take it.
  if (!announced && listBytes(bare) > most) return whole;
  if (sent.status === Status.OK && listBytes(bare) > most) {
    const text = `trailers of ${listBytes(bare)} bytes are larger than the peer takes (${maxBytes})`;
    return trailerFields(Status.RESOURCE_EXHAUSTED, text, []);
  }
  return cutFields(sent, own, maxBytes, most);
}

function cutFields(
  sent: StatusToSend,
  own: readonly HeaderField[],
  maxBytes: number,
  most: number,
): readonly HeaderField[] {
  const { message, details } = sent;
  const attempts = [
    { metadata: own, details, left: "" },
    { metadata: own, details: noDetails, left: "the details of the error" },
    { metadata: [], details: noDetails, left: "the details of the error and the trailing metadata" },
  ].slice(0, sent.status === Status.OK ? 2 : 3);
  for (const { metadata, details, left } of attempts) {
    const fields = (characters: number): readonly HeaderField[] => {
      const text = `${firstCharacters(message, characters)}${note(message, characters, left, maxBytes)}`;
      return fieldsOf(sent, text, metadata, details);
    };
    const characters = mostThatFits(Math.min(message.length, most), (count) => listBytes(fields(count)) <= most);
    if (characters >= Math.min(message.length, leastCharacters)) return fields(characters);
  }
  const fitting = mostThatFits(Math.min(message.length, most), (count) => {
    return listBytes(fieldsOf(sent, firstCharacters(message, count), [], noDetails)) <= most;
  });
  return fieldsOf(sent, firstCharacters(message, Math.max(0, fitting)), [], noDetails);
}

function fieldsOf(
  { status }: StatusToSend,
  message: string,
  metadata: readonly HeaderField[],
  details: PackedDetails,
): readonly HeaderField[] {
  const fields = trailerFields(status, message, metadata);
  if (details.length === 0) return fields;
  return [...fields, { name: statusDetailsName, value: encodeStatusDetails(status, message, details) }];
}

/** Says at the end of a message which parts of the status the client does not get. */
function note(message: string, characters: number, left: string, maxBytes: number): string {
  const cut = characters < message.length ? `cut from ${message.length} to ${characters} characters` : "";
  const without = left === "" ? "" : `without ${left}`;
  const what = [cut, without].filter((part) => part !== "").join(", ");
  if (what === "") return "";
  return ` [${what}: the client takes header sections of ${maxBytes} bytes]`;
}

/** Returns the beginning of a text, never half of a surrogate pair. */
function firstCharacters(text: string, count: number): string {
  const last = text.charCodeAt(count - 1);
  return text.slice(0, count < text.length && last >= 0xd800 && last <= 0xdbff ? count - 1 : count);
}

/** Returns the largest number up to `most` that fits, or -1 if none does. Fewer always fit where more do. */
function mostThatFits(most: number, fits: (count: number) => boolean): number {
  if (fits(most)) return most;
  let [least, tooMany] = [-1, most];
  while (tooMany - least > 1) {
    const middle = (least + tooMany) >> 1;
    if (fits(middle)) least = middle;
    else tooMany = middle;
  }
  return least;
}
