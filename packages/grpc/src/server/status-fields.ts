/** The trailers of a call: its status, in no more than the client takes. */
import type { HeaderField } from "@trunkline/h2";
import type { Metadata } from "@trunkline/metadata";
import { oversize, trailerFields } from "../wire/headers.js";
import { Status } from "../wire/status.js";
import { encodeStatusDetails, noDetails, type PackedDetails, statusDetailsName } from "../wire/status-details.js";

/** A status as it goes out; a `GrpcError` is one. */
export interface StatusToSend {
  readonly status: Status;
  readonly message: string;
  readonly details: PackedDetails;
}

export const okStatus: StatusToSend = Object.freeze({ status: Status.OK, message: "", details: noDetails });

/** What does not fit is left out, the details first: the call must end with a status in any case. */
export function statusFields(
  { status, message, details }: StatusToSend,
  metadata: Metadata | undefined,
  maxBytes: number,
): readonly HeaderField[] {
  const own: readonly HeaderField[] = metadata === undefined ? [] : metadata.toWire();
  const fields = trailerFields(status, message, own);
  if (details.length > 0) {
    const detailed = [...fields, { name: statusDetailsName, value: encodeStatusDetails(status, message, details) }];
    if (oversize("trailers", detailed, maxBytes) === undefined) return detailed;
  }
  const refused = fields.length === 1 ? undefined : oversize("trailers", fields, maxBytes);
  return refused === undefined ? fields : trailerFields(refused.status, refused.message, []);
}
