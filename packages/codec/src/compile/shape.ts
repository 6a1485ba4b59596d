/** Tells which messages can be compiled, and describes a new one. It must know nothing of the wire but wire types. */
import { create, type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { isWrapperDesc } from "@bufbuild/protobuf/wkt";

/** `FeatureSet.FieldPresence.IMPLICIT` of descriptor.proto: a field is on the wire where it differs from zero. */
const implicitPresence = 2;
/** `FeatureSet.FieldPresence.LEGACY_REQUIRED`: a message without the field cannot be encoded. */
const requiredPresence = 3;

/** Returns true for a field that is on the wire if its value differs from zero. */
export function isImplicit(field: DescField): boolean {
  return field.presence === implicitPresence;
}

/** Returns true for a required field of proto2. */
export function isRequired(field: DescField): boolean {
  return field.presence === requiredPresence;
}

/** Returns true for a field of a type such as `google.protobuf.StringValue` that protobuf-es shows as a bare value. */
export function isUnwrapped(field: DescField): boolean {
  return field.fieldKind === "message" && field.oneof === undefined && isWrapperDesc(field.message);
}

/** Returns all message types that a message of `desc` can contain, itself included. */
export function reachable(desc: DescMessage): Set<DescMessage> {
  const found = new Set<DescMessage>();
  const waiting = [desc];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (found.has(next)) continue;
    found.add(next);
    for (const { message } of next.fields) if (message !== undefined) waiting.push(message);
  }
  return found;
}

/**
 * Returns false where a message that `desc` can contain shows a `google.protobuf.Struct` as a JSON object: the
 * conversion belongs to protobuf-es and is not exported.
 */
export function canCompile(types: ReadonlySet<DescMessage>): boolean {
  for (const type of types) {
    if (type.typeName === "google.protobuf.Value") continue;
    if (type.fields.some((field) => field.message?.typeName === "google.protobuf.Struct")) return false;
  }
  return true;
}

/**
 * Writes the source of a constructor whose instances equal what `create(desc)` returns: the same own properties in the
 * same order, on the same prototype where protobuf-es keeps the defaults of proto2 there. `constant(value)` returns the
 * source of an expression for a value.
 */
export function constructorSource(desc: DescMessage, constant: (value: unknown) => string): string {
  const sample = create(desc) as Record<string, unknown>;
  const prototype = Object.getPrototypeOf(sample) as unknown;
  const lines = [`this.$typeName = ${JSON.stringify(desc.typeName)};`];
  for (const member of desc.members) {
    const name = JSON.stringify(member.localName);
    if (member.kind === "oneof") lines.push(`this[${name}] = { case: undefined };`);
    else if (member.fieldKind === "list") lines.push(`this[${name}] = [];`);
    else if (member.fieldKind === "map") lines.push(`this[${name}] = {};`);
    else if (Object.hasOwn(sample, member.localName))
      lines.push(`this[${name}] = ${constant(sample[member.localName])};`);
  }
  return `function Message() { ${lines.join("\n")} }\nMessage.prototype = ${constant(prototype)};\n`;
}

/** Returns the scalar type that a field's values have on the wire; an enum's are those of an int32. */
export function wireScalar(field: DescField): ScalarType {
  return field.scalar ?? ScalarType.INT32;
}

/** The wire type of length-delimited values. */
export const lengthDelimited = 2;

/** Returns the wire type of a scalar type (encoding.md of protobuf). */
export function wireTypeOf(type: ScalarType): number {
  switch (type) {
    case ScalarType.STRING:
    case ScalarType.BYTES:
      return lengthDelimited;
    case ScalarType.DOUBLE:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return 1;
    case ScalarType.FLOAT:
    case ScalarType.FIXED32:
    case ScalarType.SFIXED32:
      return 5;
    default:
      return 0;
  }
}

/** Returns a tag: a field's number and a wire type. */
export function tagOf(number: number, wireType: number): number {
  return ((number << 3) | wireType) >>> 0;
}
