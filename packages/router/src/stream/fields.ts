/**
 * Metadata as `trunkline.v1.Fields`: in order, duplicates kept, text as its octets, `-bin` values as they are. Received
 * fields are checked as HTTP/2 would check them, since they may go on as header fields of a call.
 */
import { Buffer } from "node:buffer";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Metadata, type WireField, wireFieldProblem } from "@trunkline/metadata";
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
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  const text = name.endsWith("-bin") ? bytes.toString("base64").replace(/=+$/, "") : bytes.toString("latin1");
  const field = { name, value: text };
  const problem = wireFieldProblem(field);
  if (problem !== undefined) throw new Error(problem);
  return field;
}
