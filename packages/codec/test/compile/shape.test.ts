/** The choice of the types that are compiled, and the values of fields for which nothing was given. */
import { create, createFileRegistry, type DescMessage, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  EnumDescriptorProtoSchema,
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  file_google_protobuf_struct,
  StructSchema,
  ValueSchema,
} from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "vitest";
import { decoderOf } from "../../src/compile/compiler.js";
import { canCompile, reachable } from "../../src/compile/shape.js";
import { BinaryCodecs } from "../../src/index.js";
import { nodePlatform } from "../../src/node/index.js";
import { Reader } from "../../src/reader.js";

const { OPTIONAL, REPEATED } = FieldDescriptorProto_Label;
const { MESSAGE, ENUM, INT32, INT64 } = FieldDescriptorProto_Type;
const registry = createFileRegistry(
  create(FileDescriptorSetSchema, {
    file: [
      file_google_protobuf_struct.proto,
      create(FileDescriptorProtoSchema, {
        name: "shape.proto",
        package: "t",
        syntax: "proto2",
        dependency: ["google/protobuf/struct.proto"],
        enumType: [
          create(EnumDescriptorProtoSchema, {
            name: "Colour",
            value: [
              { name: "RED", number: 5 },
              { name: "BLUE", number: 0 },
            ],
          }),
        ],
        messageType: [
          {
            name: "Holder",
            field: [{ name: "json", number: 1, label: OPTIONAL, type: MESSAGE, typeName: ".google.protobuf.Struct" }],
          },
          {
            name: "Outer",
            field: [
              { name: "self", number: 1, label: OPTIONAL, type: MESSAGE, typeName: ".t.Outer" },
              { name: "holder", number: 2, label: OPTIONAL, type: MESSAGE, typeName: ".t.Holder" },
            ],
          },
          {
            name: "Longs",
            field: [{ name: "by", number: 1, label: REPEATED, type: MESSAGE, typeName: ".t.Longs.ByEntry" }],
            nestedType: [
              {
                name: "ByEntry",
                options: { mapEntry: true },
                field: [
                  { name: "key", number: 1, label: OPTIONAL, type: INT32 },
                  { name: "value", number: 2, label: OPTIONAL, type: INT64 },
                ],
              },
            ],
          },
          { name: "Plain", field: [{ name: "self", number: 1, label: OPTIONAL, type: MESSAGE, typeName: ".t.Plain" }] },
          {
            name: "Colours",
            field: [{ name: "by", number: 1, label: REPEATED, type: MESSAGE, typeName: ".t.Colours.ByEntry" }],
            nestedType: [
              {
                name: "ByEntry",
                options: { mapEntry: true },
                field: [
                  { name: "key", number: 1, label: OPTIONAL, type: INT32 },
                  { name: "value", number: 2, label: OPTIONAL, type: ENUM, typeName: ".t.Colour" },
                ],
              },
            ],
          },
        ],
      }),
    ],
  }),
);
const type = (name: string): DescMessage => registry.getMessage(`t.${name}`) as DescMessage;

describe("the types that a message can contain", () => {
  test("are found once each, also where they contain themselves", () => {
    const names = (desc: DescMessage) => [...reachable(desc)].map(({ typeName }) => typeName).sort();
    expect(names(type("Plain"))).toEqual(["t.Plain"]);
    expect(names(type("Outer"))).toEqual(
      [
        "google.protobuf.ListValue",
        "google.protobuf.Struct",
        "google.protobuf.Struct.FieldsEntry",
        "google.protobuf.Value",
        "t.Holder",
        "t.Outer",
      ].filter((name) => !name.endsWith("Entry")),
    );
  });

  test("are left to protobuf-es where one of them shows a Struct as a JSON object", () => {
    expect(canCompile(reachable(type("Plain")))).toBe(true);
    expect(canCompile(reachable(type("Holder")))).toBe(false);
    expect(canCompile(reachable(type("Outer")))).toBe(false);
    // These show the message itself.
    expect(canCompile(reachable(StructSchema))).toBe(true);
    expect(canCompile(reachable(ValueSchema))).toBe(true);
  });

  test("are encoded and decoded as by protobuf-es with a Struct in them", () => {
    const desc = type("Outer");
    const codec = new BinaryCodecs(nodePlatform, { compileAfter: 0 }).codec(desc);
    const message = create(desc, { holder: { json: { deep: { list: [1, "two", null] } } } } as never);
    const bytes = toBinary(desc, message);
    for (let round = 0; round < 3; round++) {
      expect(Buffer.compare(codec.encode(message), bytes)).toBe(0);
      expect(codec.decode(bytes)).toStrictEqual(fromBinary(desc, bytes));
    }
  });
});

test.each([
  ["the first value of the enum, also if that is not zero", "Colours", 5],
  ["a bigint for a 64-bit number", "Longs", 0n],
])("an entry of a map without its value has %s", (_, name, value) => {
  const desc = type(name);
  const bytes = Uint8Array.from([0x0a, 2, 0x08, 7]);
  const reader = new Reader(nodePlatform);
  const decoder = decoderOf(desc);
  const message = new decoder.Message();
  reader.begin(bytes);
  decoder.read(message, reader, bytes.length, 1);
  expect(message).toStrictEqual(fromBinary(desc, bytes));
  expect(message).toMatchObject({ by: { 7: value } });
});
