/**
 * Writes the source of an encoder for one message type, or for plain objects from which `create` would make such a
 * message (an "init"): those are encoded as they are, without making the message. The encoder writes backwards: unknown
 * fields first, then the fields from the highest number to the lowest, each value before its length and its tag, lists
 * from their end.
 */
import { type DescField, type DescMessage, type DescOneof, ScalarType } from "@bufbuild/protobuf";
import { isImplicit, isRequired, isUnwrapped, lengthDelimited, tagOf, wireScalar, wireTypeOf } from "./shape.js";

/** Names for what the source refers to. */
export interface EncoderNames {
  /** The encoder of a message of another type. */
  encoder(desc: DescMessage): string;
  /** The encoder of an init of another type; absent where messages are encoded, which contain no inits. */
  initEncoder?: ((desc: DescMessage) => string) | undefined;
}

/** Returns the source of `function encode(m, w)`. */
export function encoderSource(desc: DescMessage, names: EncoderNames): string {
  const fields = desc.fields.toSorted((one, other) => other.number - one.number);
  const isOther = `m.$typeName !== ${JSON.stringify(desc.typeName)}${fields.length === 0 ? " && false" : ""}`;
  const begin = `if (${isOther}) throw giveUp;
if (m.$unknown !== undefined) writeUnknown(m.$unknown, w);`;
  const beginInit = 'if (typeof m !== "object" || Array.isArray(m) || m.$typeName !== undefined) throw giveUp;';
  return `function encode(m, w) {
${names.initEncoder === undefined ? begin : beginInit}
let v, n;
${fields.map((field) => fieldSource(field, names)).join("\n")}
}`;
}

function fieldSource(field: DescField, names: EncoderNames): string {
  const property = `m[${JSON.stringify(field.localName)}]`;
  if (field.fieldKind === "list") return listSource(field, property, names);
  if (field.fieldKind === "map") return mapSource(field, property, names);
  const write = singularSource(field, names);
  if (field.oneof !== undefined) return oneofSource(field.oneof, field, write, names);
  const absent = isRequired(field) ? "else throw giveUp;" : "";
  if (names.initEncoder !== undefined) {
    // In an init, null is as good as nothing.
    const isSet = isImplicit(field) ? `v != null && (${differsFromZero(field)})` : "v != null";
    return `v = ${property};\nif (${isSet}) { ${write} } ${absent}`;
  }
  if (isImplicit(field)) return `v = ${property};\nif (${differsFromZero(field)}) { ${write} }`;
  const own = `hasOwn.call(m, ${JSON.stringify(field.localName)})`;
  return `v = ${property};\nif (v !== undefined && ${own}) { ${write} } ${absent}`;
}

function oneofSource(oneof: DescOneof, field: DescField, write: string, names: EncoderNames): string {
  const given = names.initEncoder === undefined ? "" : "v != null && ";
  return `v = m[${JSON.stringify(oneof.localName)}];
if (${given}v.case === ${JSON.stringify(field.localName)}) { v = v.value; ${write} }`;
}

/** Returns the condition under which `v` is on the wire without a mark of presence. */
function differsFromZero(field: DescField): string {
  if (field.fieldKind === "enum") return `v !== ${field.enum.values[0]?.number ?? 0}`;
  switch (field.scalar) {
    case ScalarType.BOOL:
      return "v !== false";
    case ScalarType.STRING:
      return 'v !== ""';
    case ScalarType.BYTES:
      return "!(v instanceof Uint8Array) || v.length > 0";
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return "!Object.is(v, 0)";
    default:
      // Loosely, since 64-bit values may be bigints, numbers or strings.
      return "v != 0";
  }
}

/** Returns the source that writes `v` with its tag. */
function singularSource(field: DescField, names: EncoderNames): string {
  if (field.fieldKind === "message") {
    return isUnwrapped(field) ? unwrappedSource(field) : messageSource(field, field.message, names);
  }
  const type = wireScalar(field);
  return scalarSource(type) + writeTag(field.number, wireTypeOf(type));
}

/** Returns the source that writes the message `v` with its tag. */
function messageSource(field: DescField, message: DescMessage, names: EncoderNames): string {
  const encode = callSource(message, names);
  if (isDelimited(field)) return `${writeTag(field.number, 4)} ${encode} ${writeTag(field.number, 3)}`;
  return `n = w.end - w.at; ${encode} w.varint(w.end - w.at - n);
${writeTag(field.number, lengthDelimited)}`;
}

/** Returns the source that writes the fields of the message, or of the init, `v`. */
function callSource(message: DescMessage, { encoder, initEncoder }: EncoderNames): string {
  if (initEncoder === undefined) return `${encoder(message)}(v, w);`;
  return `if (v.$typeName === undefined) ${initEncoder(message)}(v, w); else ${encoder(message)}(v, w);`;
}

/** Returns true for a group of proto2, or a field of an edition with delimited encoding. */
export function isDelimited(field: DescField): boolean {
  return "delimitedEncoding" in field && field.delimitedEncoding;
}

/** Returns the source that writes the bare value `v` as the wrapper message that it stands for. */
function unwrappedSource(field: DescField): string {
  const value = field.message?.fields[0] as DescField;
  const type = wireScalar(value);
  return `n = w.end - w.at;
if (${differsFromZero(value)}) { ${scalarSource(type)} ${writeTag(value.number, wireTypeOf(type))} }
w.varint(w.end - w.at - n); ${writeTag(field.number, lengthDelimited)}`;
}

function listSource(field: DescField & { fieldKind: "list" }, own: string, names: EncoderNames): string {
  const property = names.initEncoder === undefined ? own : `(${own} ?? none)`;
  const backwards = (each: string): string =>
    `for (let l = ${property}, i = l.length - 1; i >= 0; i--) { v = l[i]; ${each} }`;
  if (field.listKind === "message") return backwards(messageSource(field, field.message, names));
  const type = wireScalar(field);
  const write = scalarSource(type);
  if (!field.packed) return backwards(write + writeTag(field.number, wireTypeOf(type)));
  return `if (${property}.length > 0) { n = w.end - w.at; ${backwards(write)}
w.varint(w.end - w.at - n); ${writeTag(field.number, lengthDelimited)} }`;
}

function mapSource(field: DescField & { fieldKind: "map" }, own: string, names: EncoderNames): string {
  const property = names.initEncoder === undefined ? own : `(${own} ?? none)`;
  const type = wireScalar(field);
  const value =
    field.mapKind === "message"
      ? `n = w.end - w.at; ${callSource(field.message, names)}
w.varint(w.end - w.at - n); ${writeTag(2, lengthDelimited)}`
      : scalarSource(type) + writeTag(2, wireTypeOf(type));
  return `for (let r = ${property}, k = Object.keys(r), i = k.length - 1; i >= 0; i--) {
const e = w.end - w.at;
v = r[k[i]]; ${value}
v = ${keySource(field.mapKey)}; ${scalarSource(field.mapKey)} ${writeTag(1, wireTypeOf(field.mapKey))}
w.varint(w.end - w.at - e); ${writeTag(field.number, lengthDelimited)} }`;
}

/** Returns an expression for a key of a map from the property that it is kept as. */
function keySource(type: ScalarType): string {
  switch (type) {
    case ScalarType.STRING:
      return "k[i]";
    case ScalarType.BOOL:
      return 'k[i] === "true" ? true : k[i] === "false" ? false : undefined';
    case ScalarType.INT64:
    case ScalarType.UINT64:
    case ScalarType.SINT64:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return "k[i]"; // The writer parses it.
    default:
      return "Number.parseInt(k[i])";
  }
}

/** Returns the source that checks the scalar `v` and writes it without a tag. */
function scalarSource(type: ScalarType): string {
  const only = (condition: string, write: string): string => `if (!(${condition})) throw giveUp; ${write}; `;
  switch (type) {
    case ScalarType.STRING:
      return only('typeof v === "string"', "w.string(v)");
    case ScalarType.BOOL:
      return only('typeof v === "boolean"', "w.byte(v ? 1 : 0)");
    case ScalarType.BYTES:
      return only("v instanceof Uint8Array", "w.raw(v); w.varint(v.length)");
    case ScalarType.DOUBLE:
      return only('typeof v === "number"', "w.double(v)");
    case ScalarType.FLOAT:
      return only('typeof v === "number"', "w.float(v)");
    case ScalarType.INT32:
      return only("(v | 0) === v", "w.int32(v)");
    case ScalarType.UINT32:
      return only("v >>> 0 === v", "w.varint(v)");
    case ScalarType.SINT32:
      return only("(v | 0) === v", "w.varint(((v << 1) ^ (v >> 31)) >>> 0)");
    case ScalarType.FIXED32:
      return only("v >>> 0 === v", "w.fixed32(v)");
    case ScalarType.SFIXED32:
      return only("(v | 0) === v", "w.fixed32(v)");
    case ScalarType.INT64:
      return "w.int64(v); ";
    case ScalarType.UINT64:
      return "w.uint64(v); ";
    case ScalarType.SINT64:
      return "w.sint64(v); ";
    case ScalarType.FIXED64:
      return "w.fixed64(v); ";
    case ScalarType.SFIXED64:
      return "w.sfixed64(v); ";
  }
}

function writeTag(number: number, wireType: number): string {
  const tag = tagOf(number, wireType);
  return tag < 0x80 ? `w.byte(${tag});` : `w.varint(${tag});`;
}
