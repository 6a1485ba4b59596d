/**
 * Writes the source of a decoder for one message type: a constructor of a new message, and a function that reads fields
 * into a message by a switch over the tags that are right for each field. A field that comes with another wire type
 * than it should is left to protobuf-es.
 */
import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { isDelimited } from "./encode.js";
import { constructorSource, isUnwrapped, lengthDelimited, tagOf, wireScalar, wireTypeOf } from "./shape.js";

/** Names for what the source refers to: a constant, and the constructor and the reader of another type. */
export interface DecoderNames {
  constant(value: unknown): string;
  construct(desc: DescMessage): string;
  read(desc: DescMessage): string;
  readGroup(desc: DescMessage): string;
}

/** Messages may be nested this deep, as in protobuf-es. */
const recursionLimit = 100;

/** Returns the source of an object with `Message`, `read(m, r, end, depth)` and `readGroup(m, r, endTag, depth)`. */
export function decoderSource(desc: DescMessage, names: DecoderNames): string {
  const known = names.constant(new Set(desc.fields.map(({ number }) => number)));
  const cases = desc.fields.map((field) => fieldSource(field, names)).join("\n");
  const unknown = `default:
if (t < 8 || (t & 7) > 5 || ${known}.has(t >>> 3)) throw giveUp;
(m.$unknown ??= []).push({ no: t >>> 3, wireType: t & 7, data: r.skip(t & 7) });`;
  const step = `let t = r.at < r.bytes.length ? r.bytes[r.at] : 0x80;
if (t < 0x80) r.at++; else t = r.tag();`;
  return `${constructorSource(desc, names.constant)}
function read(m, r, end, depth) {
if (depth > ${recursionLimit}) throw giveUp;
while (r.at < end) { ${step}
switch (t) { ${cases}
${unknown} } }
if (r.at !== end) throw giveUp;
}
function readGroup(m, r, endTag, depth) {
if (depth > ${recursionLimit}) throw giveUp;
for (;;) { ${step}
if (t === endTag) return;
switch (t) { ${cases}
${unknown} } }
}
return { Message, read, readGroup };`;
}

function fieldSource(field: DescField, names: DecoderNames): string {
  if (field.fieldKind === "list") return listSource(field, names);
  if (field.fieldKind === "map") return mapSource(field, names);
  const property = `m[${JSON.stringify(field.localName)}]`;
  if (field.fieldKind === "message") {
    const tag = messageTag(field);
    if (isUnwrapped(field)) return unwrappedSource(field, property);
    if (field.oneof === undefined) {
      return `case ${tag}: { const c = ${property} ?? new ${names.construct(field.message)}();
${readMessage(field, field.message, "c", names)} ${property} = c; break; }`;
    }
    const oneof = `m[${JSON.stringify(field.oneof.localName)}]`;
    const name = JSON.stringify(field.localName);
    return `case ${tag}: { const o = ${oneof};
const c = o.case === ${name} && o.value !== undefined ? o.value : new ${names.construct(field.message)}();
${readMessage(field, field.message, "c", names)} ${oneof} = { case: ${name}, value: c }; break; }`;
  }
  const type = wireScalar(field);
  const long = field.fieldKind === "scalar" && field.longAsString;
  let value = scalarExpression(type, long);
  let check = "";
  if (field.fieldKind === "enum" && !field.enum.open) {
    check = `const e = ${value}; if (!${names.constant(enumNumbers(field))}.has(e)) throw giveUp;`;
    value = "e";
  }
  const assign =
    field.oneof === undefined
      ? `${property} = ${value};`
      : `m[${JSON.stringify(field.oneof.localName)}] = { case: ${JSON.stringify(field.localName)}, value: ${value} };`;
  return `case ${tagOf(field.number, wireTypeOf(type))}: { ${check} ${assign} break; }`;
}

function enumNumbers(field: DescField): ReadonlySet<number> {
  return new Set(field.enum?.values.map((value) => value.number));
}

function messageTag(field: DescField): number {
  return tagOf(field.number, isDelimited(field) ? 3 : lengthDelimited);
}

/** Returns the source that reads a message into the variable `target`. */
function readMessage(field: DescField, message: DescMessage, target: string, names: DecoderNames): string {
  if (isDelimited(field)) return `${names.readGroup(message)}(${target}, r, ${tagOf(field.number, 4)}, depth + 1);`;
  return `const n = r.length(); ${names.read(message)}(${target}, r, r.at + n, depth + 1);`;
}

/** Returns the source that reads a wrapper message into the bare value that stands for it. */
function unwrappedSource(field: DescField, property: string): string {
  const value = field.message?.fields[0] as DescField;
  const type = wireScalar(value);
  // The depth counts for the wrapper too.
  return `case ${messageTag(field)}: { if (depth >= ${recursionLimit}) throw giveUp;
const n = r.length(), end = r.at + n;
let c = ${property}; if (c === undefined) c = ${zeroExpression(type, false)};
while (r.at < end) { if (r.tag() !== ${tagOf(value.number, wireTypeOf(type))}) throw giveUp;
c = ${scalarExpression(type, false)}; }
if (r.at !== end) throw giveUp; ${property} = c; break; }`;
}

function listSource(field: DescField & { fieldKind: "list" }, names: DecoderNames): string {
  const property = `m[${JSON.stringify(field.localName)}]`;
  if (field.listKind === "message") {
    return `case ${messageTag(field)}: { const c = new ${names.construct(field.message)}();
${readMessage(field, field.message, "c", names)} ${property}.push(c); break; }`;
  }
  const type = wireScalar(field);
  const value = scalarExpression(type, field.listKind === "scalar" && field.longAsString);
  const wireType = wireTypeOf(type);
  const single = `case ${tagOf(field.number, wireType)}: { ${property}.push(${value}); break; }`;
  if (wireType === lengthDelimited) return single;
  return `${single}
case ${tagOf(field.number, lengthDelimited)}: { const l = ${property}, n = r.length(), end = r.at + n;
while (r.at < end) l.push(${value});
if (r.at !== end) throw giveUp; break; }`;
}

function mapSource(field: DescField & { fieldKind: "map" }, names: DecoderNames): string {
  const keyTag = tagOf(1, wireTypeOf(field.mapKey));
  const type = wireScalar(field);
  let valueTag = tagOf(2, wireTypeOf(type));
  let read = `v = ${scalarExpression(type, false)};`;
  let zero = field.mapKind === "enum" ? String(field.enum.values[0]?.number ?? 0) : zeroExpression(type, false);
  if (field.mapKind === "message") {
    valueTag = tagOf(2, lengthDelimited);
    zero = `new ${names.construct(field.message)}()`;
    read = `v ??= ${zero}; const n = r.length(); ${names.read(field.message)}(v, r, r.at + n, depth + 1);`;
  }
  return `case ${tagOf(field.number, lengthDelimited)}: {
const o = m[${JSON.stringify(field.localName)}], n = r.length(), end = r.at + n;
let k, v;
while (r.at < end) { const t = r.bytes[r.at++];
if (t === ${keyTag}) k = ${field.mapKey === ScalarType.STRING ? "r.key()" : scalarExpression(field.mapKey, false)};
else if (t === ${valueTag}) { ${read} }
else throw giveUp; }
if (r.at !== end || k === "__proto__") throw giveUp;
if (k === undefined) k = ${zeroExpression(field.mapKey, false)};
if (v === undefined) v = ${zero};
o[k] = v; break; }`;
}

/** Returns an expression that reads a scalar from `r`. */
function scalarExpression(type: ScalarType, asString: boolean): string {
  const long = (read: string): string => (asString ? `String(${read})` : read);
  switch (type) {
    case ScalarType.STRING:
      return "r.string()";
    case ScalarType.BOOL:
      return "r.bool()";
    case ScalarType.BYTES:
      return "r.view()";
    case ScalarType.DOUBLE:
      return "r.double()";
    case ScalarType.FLOAT:
      return "r.float()";
    case ScalarType.INT32:
      return "(r.varint() | 0)";
    case ScalarType.UINT32:
      return "r.varint()";
    case ScalarType.SINT32:
      return "r.sint32()";
    case ScalarType.FIXED32:
      return "r.fixed32()";
    case ScalarType.SFIXED32:
      return "r.sfixed32()";
    case ScalarType.INT64:
      return long("r.int64()");
    case ScalarType.UINT64:
      return long("r.uint64()");
    case ScalarType.SINT64:
      return long("r.sint64()");
    case ScalarType.FIXED64:
      return long("r.fixed64()");
    case ScalarType.SFIXED64:
      return long("r.sfixed64()");
  }
}

/** Returns an expression for the zero value of a scalar type. */
function zeroExpression(type: ScalarType, asString: boolean): string {
  switch (type) {
    case ScalarType.STRING:
      return '""';
    case ScalarType.BOOL:
      return "false";
    case ScalarType.BYTES:
      return "new Uint8Array(0)";
    case ScalarType.INT64:
    case ScalarType.UINT64:
    case ScalarType.SINT64:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return asString ? '"0"' : "0n";
    default:
      return "0";
  }
}
