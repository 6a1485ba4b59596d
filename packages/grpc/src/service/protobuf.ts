/** Protobuf messages in their binary form. */
import {
  create,
  type DescField,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { isBytes } from "@trunkline/base";
import { retained } from "@trunkline/h2";
import { allocateOwnBytes } from "#platform";
import { type DecodeLimits, defaultDecodeLimits, type MessageCodec } from "./codec.js";
import { checkFieldCounts, messagePlan } from "./field-counts.js";

/**
 * Makes a codec for protobuf in its binary form, from a descriptor of `@bufbuild/protobuf`. `encode` takes messages, and
 * plain objects to make one from.
 */
export function protobufCodec<Desc extends DescMessage>(
  schema: Desc,
): MessageCodec<MessageShape<Desc>, MessageInitShape<Desc> & {}> {
  const { typeName } = schema;
  // Bytes fields are views of the received chunk: a small message that has some must not keep a whole chunk in memory.
  const keepsViews = holdsBytes(schema, new Set());
  const largeFields = schema.fields.filter(mayBeLarge);
  return {
    encode(message) {
      if (isMessage(message, typeName)) return encodeProtobuf(schema, largeFields, message as MessageShape<Desc>);
      return encodeProtobuf(schema, largeFields, create(schema, message));
    },
    decode(bytes, limits = defaultDecodeLimits) {
      if (bytes.length > leastBytesToCount(limits)) checkFieldCounts(messagePlan(schema), bytes, limits);
      return fromBinary(schema, keepsViews ? retained(bytes) : bytes);
    },
  };
}

/** Returns the size up to which a message cannot go beyond the limits: a field takes at least two bytes. */
function leastBytesToCount({ maxUnknownFields, maxNestedMessages }: DecodeLimits): number {
  return 2 * Math.min(maxUnknownFields, maxNestedMessages);
}

/**
 * Returns true for a message of the type, and false for an object to make one from.
 * @throws TypeError for a message of another type, of which a part would be lost, and for a value that is no object
 */
export function isMessage(given: unknown, typeName: string): boolean {
  if (typeof given !== "object" || given === null)
    throw new TypeError(`${String(given)} was given where a message ${typeName} is expected`);
  const { $typeName } = given as { readonly $typeName?: string };
  if ($typeName === undefined || $typeName === typeName) return $typeName !== undefined;
  throw new TypeError(`a message ${$typeName} was given where ${typeName} is expected`);
}

/** The size from which a bytes field is written by `encodeLarge`. */
const largeFieldBytes = 16_384;

/** Returns true for a bytes field that is absent from the wire when it is empty, and belongs to no oneof. */
function mayBeLarge(field: DescField): boolean {
  return (
    field.fieldKind === "scalar" &&
    field.scalar === scalarBytes &&
    field.oneof === undefined &&
    field.presence === implicitPresence
  );
}

function encodeProtobuf<Desc extends DescMessage>(
  schema: Desc,
  bytesFields: readonly DescField[],
  message: MessageShape<Desc>,
): Uint8Array {
  const values = message as Record<string, unknown>;
  for (const { localName } of bytesFields) {
    const value = values[localName];
    if (isBytes(value) && value.length >= largeFieldBytes) return encodeLarge(schema, bytesFields, message);
  }
  return toBinary(schema, message);
}

/**
 * Writes large bytes fields after the rest of the message, which protobuf allows. The writer of protobuf-es copies them
 * twice, through a zero-filled buffer of up to twice their size, which took a third of the time of a 64 KiB message.
 */
function encodeLarge<Desc extends DescMessage>(
  schema: Desc,
  bytesFields: readonly DescField[],
  message: MessageShape<Desc>,
): Uint8Array {
  const rest = { ...message } as MessageShape<Desc> & Record<string, unknown>;
  const large: { readonly head: Uint8Array; readonly value: Uint8Array }[] = [];
  let length = 0;
  for (const { localName, number } of bytesFields) {
    const value = rest[localName];
    if (!isBytes(value) || value.length < largeFieldBytes) continue;
    (rest as Record<string, unknown>)[localName] = new Uint8Array(0);
    const head = new BinaryWriter().tag(number, WireType.LengthDelimited).uint32(value.length).finish();
    large.push({ head, value });
    length += head.length + value.length;
  }
  const begin = toBinary(schema, rest);
  const bytes = allocateOwnBytes(begin.length + length);
  bytes.set(begin);
  let offset = begin.length;
  for (const { head, value } of large) {
    bytes.set(head, offset);
    bytes.set(value, offset + head.length);
    offset += head.length + value.length;
  }
  return bytes;
}

function holdsBytes(schema: DescMessage, seen: Set<string>): boolean {
  if (seen.has(schema.typeName)) return false;
  seen.add(schema.typeName);
  return schema.fields.some((field) => {
    const { scalar, message } = field;
    return scalar === scalarBytes || (message !== undefined && holdsBytes(message, seen));
  });
}

/** The number of `ScalarType.BYTES` in descriptor.proto. */
const scalarBytes = 12;
/** The number of `FeatureSet_FieldPresence.IMPLICIT` in descriptor.proto. */
const implicitPresence = 2;
