/**
 * `grpc-status-details-bin`: a `google.rpc.Status`, whose details are messages of any type, each packed in an `Any`. Written and read by hand, three
 * fields, so that nobody loads descriptors who uses no details.
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

/** Header field, bytes in base64. */
export const statusDetailsName = "grpc-status-details-bin";

/**
 * One detail of an error: a message of a type that `@trunkline/grpc/details` or `registerDetails` knows, a schema and what to make the message of, or
 * what is packed already.
 */
export type Detail = Message | Any | readonly [schema: DescMessage, init: object];

/** As they are on the wire. */
export type PackedDetails = readonly Any[];

export const noDetails: PackedDetails = Object.freeze([]);

const typeUrlPrefix = "type.googleapis.com/";
const known: Map<string, DescMessage> = new Map();

/** Makes messages of these types usable as details without their schema, and `unpackDetails` unpack them. */
export function registerDetails(...schemas: readonly DescMessage[]): void {
  for (const schema of schemas) known.set(schema.typeName, schema);
}

/** A pair of a schema and what to make its message of, with the types of both checked. */
export function detail<Desc extends DescMessage>(schema: Desc, init: MessageInitShape<Desc> & {}): Detail {
  return [schema, init];
}

/** @throws TypeError for what is no detail, or of a type that is not known */
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
    `details of type ${typeName} are not known: give [schema, message], or import "@trunkline/grpc/details" for those of google.rpc`,
  );
}

function pack(schema: DescMessage, message: Message): Any {
  return {
    $typeName: "google.protobuf.Any",
    typeUrl: typeUrlPrefix + schema.typeName,
    value: toBinary(schema, message),
  };
}

/** What is packed, where it is of that type and not malformed. */
export function unpackDetail<Desc extends DescMessage>(packed: Any, schema: Desc): MessageShape<Desc> | undefined {
  if (typeNameOf(packed) !== schema.typeName) return undefined;
  try {
    return fromBinary(schema, packed.value);
  } catch {
    return undefined;
  }
}

/** What is packed, where its type is known and it is not malformed. */
export function unpackKnownDetail(packed: Any): Message | undefined {
  const schema = known.get(typeNameOf(packed));
  return schema === undefined ? undefined : unpackDetail(packed, schema);
}

function typeNameOf({ typeUrl }: Any): string {
  return typeUrl.slice(typeUrl.lastIndexOf("/") + 1);
}

/** The value of the header field. */
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

/** The details in the header field's value. Never fails: the status matters more than its details, of which a malformed value has none. */
export function decodeStatusDetails(value: string): readonly Any[] {
  try {
    // A copy of its own: parts of it are kept, and must be no views of a pool, nor Buffers.
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
