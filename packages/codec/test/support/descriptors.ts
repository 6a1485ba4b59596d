/** Random message types and values for them, for properties that hold for everything that protobuf can describe. */
import {
  create,
  createFileRegistry,
  type DescField,
  type DescMessage,
  type Message,
  ScalarType,
} from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import {
  type DescriptorProto,
  DescriptorProtoSchema,
  Edition,
  EnumDescriptorProtoSchema,
  EnumValueDescriptorProtoSchema,
  FeatureSet_EnumType,
  FeatureSet_FieldPresence,
  FeatureSet_MessageEncoding,
  FeatureSet_RepeatedFieldEncoding,
  FeatureSet_Utf8Validation,
  FeatureSetSchema,
  type FieldDescriptorProto,
  FieldDescriptorProtoSchema,
  FieldOptions_JSType,
  FieldOptionsSchema,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  file_google_protobuf_timestamp,
  file_google_protobuf_wrappers,
  FieldDescriptorProto_Label as Label,
  MessageOptionsSchema,
  OneofDescriptorProtoSchema,
  FieldDescriptorProto_Type as Type,
} from "@bufbuild/protobuf/wkt";
import fc from "fast-check";

export type Syntax = "proto2" | "proto3" | "editions";

/** The number of times that each feature of protobuf has occurred. */
export const occurrences: Map<string, number> = new Map();

export function count(feature: string): void {
  occurrences.set(feature, (occurrences.get(feature) ?? 0) + 1);
}

const scalars: readonly Type[] = [
  Type.DOUBLE,
  Type.FLOAT,
  Type.INT64,
  Type.UINT64,
  Type.INT32,
  Type.FIXED64,
  Type.FIXED32,
  Type.BOOL,
  Type.STRING,
  Type.BYTES,
  Type.UINT32,
  Type.SFIXED32,
  Type.SFIXED64,
  Type.SINT32,
  Type.SINT64,
];
const longs: readonly Type[] = [Type.INT64, Type.UINT64, Type.FIXED64, Type.SFIXED64, Type.SINT64];
const wrappers = ["StringValue", "BytesValue", "Int64Value", "BoolValue", "DoubleValue", "UInt32Value"];
const mapKeys = scalars.filter((type) => ![Type.DOUBLE, Type.FLOAT, Type.BYTES].includes(type));
const packable = (type: Type): boolean => ![Type.STRING, Type.BYTES, Type.MESSAGE, Type.GROUP].includes(type);

const defaults: Readonly<Partial<Record<Type, string>>> = {
  [Type.DOUBLE]: "1.5",
  [Type.FLOAT]: "-2.5",
  [Type.INT64]: "-9007199254740993",
  [Type.UINT64]: "18446744073709551615",
  [Type.INT32]: "-7",
  [Type.FIXED64]: "3",
  [Type.FIXED32]: "4",
  [Type.BOOL]: "true",
  [Type.STRING]: "a default",
  [Type.BYTES]: "\\001\\002",
  [Type.UINT32]: "5",
  [Type.SFIXED32]: "-6",
  [Type.SFIXED64]: "-8",
  [Type.SINT32]: "-9",
  [Type.SINT64]: "-10",
  [Type.ENUM]: "TWO",
};

type Draw = () => number;

/** Makes message types from a stream of random numbers from 0 up to 1. */
export function makeTypes(syntax: Syntax, draw: Draw): DescMessage[] {
  const below = (limit: number): number => Math.floor(draw() * limit);
  const pick = <T>(from: readonly T[]): T => from[below(from.length)] as T;
  const chance = (share: number): boolean => draw() < share;
  const messages = ["M0", "M1", "M2"];
  const types = messages.map((name) => makeMessage(name));

  function makeMessage(name: string): DescriptorProto {
    const message = create(DescriptorProtoSchema, { name });
    const numbers = new Set<number>();
    const nextNumber = (): number => {
      for (;;) {
        const number = chance(0.7) ? 1 + below(15) : chance(0.7) ? 16 + below(2_000) : 2 ** 20 + below(2 ** 28);
        if (!numbers.has(number) && (number < 19_000 || number > 19_999)) {
          numbers.add(number);
          return number;
        }
      }
    };
    const fields = 1 + below(9);
    for (let index = 0; index < fields; index++) makeField(message, `f_${index}`, nextNumber());
    if (chance(0.4)) {
      message.oneofDecl.push(create(OneofDescriptorProtoSchema, { name: "choice" }));
      for (let index = 0; index < 3; index++) {
        const field = makeSingular(`o_${index}`, nextNumber(), Label.OPTIONAL, message);
        field.oneofIndex = message.oneofDecl.length - 1;
        message.field.push(field);
        count("oneof member");
      }
    }
    if (syntax === "proto3") makeProto3Optional(message, nextNumber());
    return message;
  }

  function makeProto3Optional(message: DescriptorProto, number: number): void {
    const field = makeSingular("maybe", number, Label.OPTIONAL, message);
    if (field.type === Type.MESSAGE) return;
    field.proto3Optional = true;
    field.oneofIndex = message.oneofDecl.length;
    message.oneofDecl.push(create(OneofDescriptorProtoSchema, { name: "_maybe" }));
    message.field.push(field);
    count("optional of proto3");
  }

  function makeField(message: DescriptorProto, name: string, number: number): void {
    const kind = draw();
    if (kind < 0.15) makeMap(message, name, number);
    else if (kind < 0.45) {
      const field = makeSingular(name, number, Label.REPEATED, message);
      if (packable(field.type) && syntax !== "editions" && chance(0.5)) {
        options(field).packed = chance(0.5);
        count(options(field).packed ? "packed by option" : "unpacked by option");
      }
      if (syntax === "editions" && packable(field.type) && chance(0.3)) {
        features(field).repeatedFieldEncoding = FeatureSet_RepeatedFieldEncoding.EXPANDED;
        count("expanded by feature");
      }
      message.field.push(field);
      count("repeated");
    } else {
      const required = syntax === "proto2" && chance(0.15);
      const field = makeSingular(name, number, required ? Label.REQUIRED : Label.OPTIONAL, message);
      if (required) count("required");
      if (syntax === "editions") makePresence(field);
      if (syntax === "proto2" && !required && defaults[field.type] !== undefined && chance(0.4)) {
        field.defaultValue = defaults[field.type] as string;
        count("default value");
      }
      message.field.push(field);
    }
  }

  function makePresence(field: FieldDescriptorProto): void {
    if (field.type === Type.MESSAGE || field.type === Type.GROUP) return;
    const presence = below(3);
    if (presence === 0) {
      if (field.type === Type.ENUM && field.typeName === ".t.Closed") return;
      features(field).fieldPresence = FeatureSet_FieldPresence.IMPLICIT;
      count("implicit presence by feature");
    } else if (presence === 1) {
      features(field).fieldPresence = FeatureSet_FieldPresence.LEGACY_REQUIRED;
      count("required by feature");
    }
  }

  function makeSingular(name: string, number: number, label: Label, parent: DescriptorProto): FieldDescriptorProto {
    const field = create(FieldDescriptorProtoSchema, { name, number, label });
    const kind = draw();
    if (kind < 0.2) {
      field.type = Type.MESSAGE;
      field.typeName = `.t.${pick(messages)}`;
      if (syntax === "editions" && chance(0.3)) {
        features(field).messageEncoding = FeatureSet_MessageEncoding.DELIMITED;
        count("delimited message");
      } else count("message");
    } else if (kind < 0.28) {
      field.type = Type.MESSAGE;
      field.typeName = `.google.protobuf.${pick(wrappers)}`;
      count("wrapper");
    } else if (kind < 0.32) {
      field.type = Type.MESSAGE;
      field.typeName = ".google.protobuf.Timestamp";
    } else if (kind < 0.4 && syntax === "proto2") {
      // A group is a field and a nested message of that name in one.
      const group = `G${name.replace("_", "")}`;
      field.type = Type.GROUP;
      field.typeName = `.t.${parent.name}.${group}`;
      field.name = group.toLowerCase();
      const inner = create(FieldDescriptorProtoSchema, {
        name: "x",
        number: 1,
        label: Label.OPTIONAL,
        type: Type.INT32,
      });
      parent.nestedType.push(create(DescriptorProtoSchema, { name: group, field: [inner] }));
      count("group");
    } else if (kind < 0.5) {
      field.type = Type.ENUM;
      const closed = syntax === "editions" ? chance(0.5) : syntax === "proto2";
      field.typeName = syntax === "editions" && !closed ? ".t.Open" : syntax === "editions" ? ".t.Closed" : ".t.Plain";
      count(closed ? "closed enum" : "open enum");
    } else {
      field.type = pick(scalars);
      count(Type[field.type]);
      if (longs.includes(field.type) && chance(0.3)) {
        options(field).jstype = FieldOptions_JSType.JS_STRING;
        count("jstype string");
      }
      if (field.type === Type.STRING && syntax === "editions" && chance(0.3)) {
        features(field).utf8Validation = FeatureSet_Utf8Validation.NONE;
        count("text without validation");
      }
    }
    return field;
  }

  function makeMap(message: DescriptorProto, name: string, number: number): void {
    const entry = `${name.replace("_", "").toUpperCase()}Entry`;
    const key = create(FieldDescriptorProtoSchema, {
      name: "key",
      number: 1,
      label: Label.OPTIONAL,
      type: pick(mapKeys),
    });
    const value = makeSingular("value", 2, Label.OPTIONAL, message);
    if (value.type === Type.GROUP || value.options?.features !== undefined || value.options?.jstype !== undefined) {
      value.type = Type.INT32;
      value.typeName = "";
      value.options = undefined;
      value.name = "value";
    }
    message.nestedType.push(
      create(DescriptorProtoSchema, {
        name: entry,
        field: [key, value],
        options: create(MessageOptionsSchema, { mapEntry: true }),
      }),
    );
    const typeName = `.t.${message.name}.${entry}`;
    message.field.push(
      create(FieldDescriptorProtoSchema, { name, number, label: Label.REPEATED, type: Type.MESSAGE, typeName }),
    );
    count(`map by ${Type[key.type]}`);
    count("map");
  }

  function options(field: FieldDescriptorProto) {
    field.options ??= create(FieldOptionsSchema);
    return field.options;
  }

  function features(field: FieldDescriptorProto) {
    const given = options(field);
    given.features ??= create(FeatureSetSchema);
    return given.features;
  }

  const plain = create(EnumDescriptorProtoSchema, {
    name: "Plain",
    value: [
      create(EnumValueDescriptorProtoSchema, { name: "ZERO", number: 0 }),
      create(EnumValueDescriptorProtoSchema, { name: "TWO", number: 2 }),
      create(EnumValueDescriptorProtoSchema, { name: "MINUS", number: -3 }),
    ],
  });
  const named = (name: string, enumType: FeatureSet_EnumType) =>
    create(EnumDescriptorProtoSchema, {
      name,
      value: [
        create(EnumValueDescriptorProtoSchema, { name: `${name}_ZERO`, number: 0 }),
        create(EnumValueDescriptorProtoSchema, { name: `${name}_TWO`, number: 2 }),
      ],
      options: { features: { enumType } },
    });
  const file = create(FileDescriptorProtoSchema, {
    name: "t.proto",
    package: "t",
    syntax,
    ...(syntax === "editions" ? { edition: Edition.EDITION_2023 } : {}),
    dependency: ["google/protobuf/wrappers.proto", "google/protobuf/timestamp.proto"],
    messageType: types,
    enumType:
      syntax === "editions"
        ? [named("Open", FeatureSet_EnumType.OPEN), named("Closed", FeatureSet_EnumType.CLOSED)]
        : [plain],
  });
  const registry = createFileRegistry(
    create(FileDescriptorSetSchema, {
      file: [file_google_protobuf_wrappers.proto, file_google_protobuf_timestamp.proto, file],
    }),
  );
  return messages.map((name) => registry.getMessage(`t.${name}`) as DescMessage);
}

/** Makes a value of a message type, with every field that is required. */
export function makeValue(desc: DescMessage, draw: Draw, depth = 0): Message {
  const below = (limit: number): number => Math.floor(draw() * limit);
  const chance = (share: number): boolean => draw() < share;
  const message = reflect(desc);
  for (const field of desc.fields) {
    const required = field.presence === 3;
    if (!required && !chance(0.65)) continue;
    if (field.fieldKind === "message") {
      if (depth < 3) message.set(field, reflect(field.message, makeValue(field.message, draw, depth + 1)));
    } else if (field.fieldKind === "list") {
      const length = chance(0.05) ? 40 : below(4);
      for (let index = 0; index < length; index++) {
        if (field.listKind !== "message") message.get(field).add(scalarValue(field, draw) as never);
        else if (depth < 3) {
          message.get(field).add(reflect(field.message, makeValue(field.message, draw, depth + 1)) as never);
        }
      }
    } else if (field.fieldKind === "map") {
      for (let index = below(4); index > 0; index--) {
        const key = scalarOf(field.mapKey, draw) as never;
        if (field.mapKind !== "message") message.get(field).set(key, scalarValue(field, draw) as never);
        else if (depth < 3) {
          message.get(field).set(key, reflect(field.message, makeValue(field.message, draw, depth + 1)) as never);
        }
      }
    } else message.set(field, scalarValue(field, draw) as never);
  }
  if (chance(0.15)) {
    message.setUnknown([{ no: 536_870_000, wireType: 0, data: new Uint8Array([0x96, 0x01]) }]);
    count("unknown field");
  }
  return message.message;
}

function scalarValue(field: DescField, draw: Draw): unknown {
  if (field.enum !== undefined) {
    const { values, open } = field.enum;
    if (open && draw() < 0.3) return Math.floor(draw() * 2 ** 32) - 2 ** 31;
    return (values[Math.floor(draw() * values.length)] as (typeof values)[number]).number;
  }
  return scalarOf(field.scalar as ScalarType, draw);
}

const texts = [
  "",
  "a",
  "short",
  "ünïcödé",
  "日本語テキスト",
  "😀 astral",
  "x".repeat(33),
  "é".repeat(20),
  "y".repeat(300),
  "\ufffd",
  "\ufeffbom",
];

function scalarOf(type: ScalarType, draw: Draw): unknown {
  const below = (limit: number): number => Math.floor(draw() * limit);
  const bits = below(33);
  const unsigned = Math.floor(draw() * 2 ** bits);
  const signed = draw() < 0.5 ? -Math.min(unsigned, 2 ** 31) : Math.min(unsigned, 2 ** 31 - 1);
  const long = (BigInt(unsigned) << BigInt(below(32))) | BigInt(below(256));
  switch (type) {
    case ScalarType.STRING:
      return texts[below(texts.length)];
    case ScalarType.BOOL:
      return draw() < 0.5;
    case ScalarType.BYTES:
      return new Uint8Array(below(draw() < 0.05 ? 20_000 : 6)).fill(below(256));
    case ScalarType.DOUBLE:
      return [0, -0, 1.5, Number.NaN, Number.POSITIVE_INFINITY, draw() * 1e300][below(6)];
    case ScalarType.FLOAT:
      return [0, -0, 1.5, Number.NaN, Number.NEGATIVE_INFINITY, Math.fround(draw() * 1e30)][below(6)];
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return signed | 0;
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return Math.min(unsigned, 2 ** 32 - 1);
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return BigInt.asUintN(64, long);
    default:
      return BigInt.asIntN(64, draw() < 0.5 ? -long : long);
  }
}

/** A seed from which a property draws all that it needs, so that fast-check can replay it. */
export const seeds: fc.Arbitrary<number> = fc.integer({ min: 0, max: 2 ** 32 - 1 });

/** Returns a generator of numbers from 0 up to 1 (mulberry32). */
export function drawFrom(seed: number): Draw {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b_79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
