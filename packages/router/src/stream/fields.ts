/**
 * Metadata as `trunkline.v1.Fields`: in order, duplicates kept, text as its octets, `-bin` values as they are. Received
 * fields are checked as HTTP/2 would check them, since they may go on as header fields of a call.
 */
import { Buffer } from "node:buffer";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Metadata, reservedKeyReason, type WireField } from "@trunkline/metadata";
import type { Fields, FieldsSchema } from "../gen/trunkline/v1/frames_pb.js";

/** Returns metadata as fields. @throws MetadataError for a `-bin` value that was received and is not base64 */
export function metadataToFields(metadata: Metadata): MessageInitShape<typeof FieldsSchema> {
  const fields = Array.from(metadata, ([key, value]) => ({
    key,
    value: typeof value === "string" ? Buffer.from(value, "latin1") : value,
  }));
  return { fields };
}

/** Returns fields as frozen metadata. @throws Error naming the field that metadata cannot hold */
export function fieldsToMetadata(fields: Fields | undefined): Metadata {
  if (fields === undefined || fields.fields.length === 0) return Metadata.empty;
  return Metadata.fromWire(fields.fields.map(({ key, value }) => wireField(key, value)));
}

function wireField(name: string, value: Uint8Array): WireField {
  if (!/^[0-9a-z_.-]+$/.test(name))
    throw new Error(`field ${JSON.stringify(name.slice(0, 64))} has a name that metadata cannot have`);
  const reason = reservedKeyReason(name);
  if (reason !== undefined) throw new Error(`field "${name}" is reserved: ${reason}`);
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (name.endsWith("-bin")) return { name, value: bytes.toString("base64").replace(/=+$/, "") };
  const text = bytes.toString("latin1");
  // RFC 9113 §8.2.1, and what gRPC peers are known to send: visible octets, tabs and spaces within, 0x80-0xFF.
  if (!/^(?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?$/.test(text)) {
    throw new Error(`the value of field "${name}" has octets that a header field cannot have`);
  }
  return { name, value: text };
}
