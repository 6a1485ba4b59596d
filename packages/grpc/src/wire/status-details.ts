/**
 * The header field `grpc-status-details-bin`: a `google.rpc.Status`, whose details are messages of any type, each
 * packed in an `Any`. Its three fields are written and read by hand, so that a program without details loads no
 * descriptors.
 */

import {
  create,
  type DescMessage,
  fromBinary,
  type Message,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import type { Any } from "@bufbuild/protobuf/wkt";
import { decodeBase64, encodeBase64 } from "#platform";

/** The name of the header field; its value is base64. */
export const statusDetailsName = "grpc-status-details-bin";

/**
 * One detail of an error: a message of a type that `@trunkline/grpc/details` or `registerDetails` has made known, a
 * pair of a schema and the object to make its message from, or an `Any`.
 */
export type Detail = Message | Any | readonly [schema: DescMessage, init: object];

/** The details of an error as they are on the wire: each packed in an `Any`. */
export type PackedDetails = readonly Any[];

/** An empty list of details, shared by all errors without any. */
export const noDetails: PackedDetails = Object.freeze([]);

const typeUrlPrefix = "type.googleapis.com/";
const known: Map<string, DescMessage> = new Map();

/**
 * Makes message types known: their messages are then taken as details without a schema, and `unpackDetails` unpacks
 * them.
 */
export function registerDetails(...schemas: readonly DescMessage[]): void {
  for (const schema of schemas) known.set(schema.typeName, schema);
}

/** Returns a detail made of a schema and the object to make its message from; the types of both are checked. */
export function detail<Desc extends DescMessage>(schema: Desc, init: MessageInitShape<Desc> & {}): Detail {
  return [schema, init];
}

/** Packs a detail. @throws TypeError for a value that is no detail, or is of a type that is not known */
export function packDetail(given: Detail): Any {
  if (Array.isArray(given)) {
    const [schema, init] = given as readonly [DescMessage, MessageInitShape<DescMessage> & {}];
    return pack(schema, create(schema, init));
  }
  const typeName = (given as Partial<Message> | undefined)?.$typeName;
  if (typeName === "google.protobuf.Any") return given as Any;
  const schema = typeName === undefined ? undefined : known.get(typeName);
  if (schema !== undefined) return pack(schema, given as Message);
  if (typeName === undefined) throw new TypeError("a detail of an error is a message, or [schema, init]");
  throw new TypeError(
    `details of type ${typeName} are not known: give [schema, message], ` +
      'or import "@trunkline/grpc/details" for those of google.rpc',
  );
}

function pack(schema: DescMessage, message: Message): Any {
  return {
    $typeName: "google.protobuf.Any",
    typeUrl: typeUrlPrefix + schema.typeName,
    value: toBinary(schema, message),
  };
}

/** Returns the message that is packed, or undefined if it is of another type or malformed. */
export function unpackDetail<Desc extends DescMessage>(packed: Any, schema: Desc): MessageShape<Desc> | undefined {
  if (typeNameOf(packed) !== schema.typeName) return undefined;
  try {
    return fromBinary(schema, packed.value);
  } catch {
    return undefined;
  }
}

/** Returns the message that is packed, or undefined if its type is not known or it is malformed. */
export function unpackKnownDetail(packed: Any): Message | undefined {
  const schema = known.get(typeNameOf(packed));
  return schema === undefined ? undefined : unpackDetail(packed, schema);
}

function typeNameOf({ typeUrl }: Any): string {
  return typeUrl.slice(typeUrl.lastIndexOf("/") + 1);
}

/** Returns the value of the header field. */
export function encodeStatusDetails(code: number, message: string, details: readonly Any[]): string {
  const writer = new BinaryWriter();
  writer.tag(1, WireType.Varint).int32(code);
  if (message !== "") writer.tag(2, WireType.LengthDelimited).string(message);
  for (const { typeUrl, value } of details) {
    writer.tag(3, WireType.LengthDelimited).fork();
    if (typeUrl !== "") writer.tag(1, WireType.LengthDelimited).string(typeUrl);
    if (value.length > 0) writer.tag(2, WireType.LengthDelimited).bytes(value);
    writer.join();
  }
  return encodeBase64(writer.finish());
}

/**
 * Returns the details in the value of the header field. A malformed value has none, since the status matters more than
 * its details.
 */
export function decodeStatusDetails(value: string): readonly Any[] {
  try {
    // Parts of these bytes are kept. They must be neither views of Node's pool nor Buffers.
    return readStatus(new BinaryReader(decodeBase64(value)));
  } catch {
    return [];
  }
}

function readStatus(reader: BinaryReader): Any[] {
  const details: Any[] = [];
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    if (number === 3 && wireType === WireType.LengthDelimited) details.push(readAny(new BinaryReader(reader.bytes())));
    else reader.skip(wireType, number);
  }
  return details;
}

function readAny(reader: BinaryReader): Any {
  const any: Any = { $typeName: "google.protobuf.Any", typeUrl: "", value: new Uint8Array(0) };
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    if (number === 1 && wireType === WireType.LengthDelimited) any.typeUrl = reader.string();
    else if (number === 2 && wireType === WireType.LengthDelimited) any.value = reader.bytes();
    else reader.skip(wireType, number);
  }
  return any;
}
