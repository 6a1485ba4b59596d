/** .proto files are read as buf reads them. */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { type DescEnum, type DescField, type DescMessage, fromBinary } from "@bufbuild/protobuf";
import { type FileDescriptorProto, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { beforeAll, describe, expect, test } from "vitest";
import { registryOf } from "../../src/call/file-registry.js";
import { parseProtoFiles } from "../../src/call/proto-parser.js";
import { InProcessLab } from "../support/lab.js";

const fixtures = fileURLToPath(new URL("fixtures", import.meta.url));
const buf = fileURLToPath(new URL("../../../../node_modules/.bin/buf", import.meta.url));
const names = ["log", "old", "edition"].map((name) => `acme/v1/${name}.proto`);

const filesOf = (files: readonly FileDescriptorProto[]): Map<string, FileDescriptorProto> =>
  new Map(files.map((file) => [file.name, file]));

function shownField(field: DescField): object {
  const { number, name, jsonName, fieldKind, presence } = field;
  const kinds = {
    scalar: field.scalar,
    message: field.message?.typeName,
    enum: field.enum?.typeName,
    ...(field.fieldKind === "map" && { key: field.mapKey, map: field.mapKind }),
    ...(field.fieldKind === "list" && { list: field.listKind, packed: field.packed }),
    ...(field.fieldKind === "message" && { delimited: field.delimitedEncoding }),
    ...((field.fieldKind === "scalar" || field.fieldKind === "enum") && { byDefault: field.getDefaultValue() }),
  };
  return { number, name, jsonName, fieldKind, presence, oneof: field.oneof?.name, ...kinds };
}

function shownEnum({ open, values }: DescEnum): object {
  return { open, values: values.map(({ name, number }) => [name, number]) };
}

/** All that decides how a message looks on the wire and as JSON. */
function shown(message: DescMessage): object {
  return { typeName: message.typeName, fields: message.fields.map(shownField) };
}

describe("a .proto file", () => {
  let ofBuf: ReturnType<typeof registryOf>;
  let ours: ReturnType<typeof registryOf>;

  beforeAll(() => {
    const bytes = execFileSync(buf, ["build", fixtures, "-o", "-"]);
    ofBuf = registryOf(filesOf(fromBinary(FileDescriptorSetSchema, bytes).file));
    ours = registryOf(filesOf(parseProtoFiles(names, [fixtures])));
  });

  test("has the messages, fields, enums and extensions that buf finds, with the same encoding", () => {
    let types = 0;
    for (const each of ofBuf) {
      if (!each.typeName.startsWith("acme.")) continue;
      types += 1;
      const own = ours.get(each.typeName);
      if (each.kind === "message") expect(shown(own as DescMessage)).toEqual(shown(each));
      else if (each.kind === "enum") expect(shownEnum(own as DescEnum)).toEqual(shownEnum(each));
      else expect(own?.kind, each.typeName).toBe(each.kind);
    }
    expect(types).toBeGreaterThan(12);
  });

  test("has the services and methods that buf finds", () => {
    const methods = (registry: typeof ours): object[] =>
      (registry.getService("acme.v1.Log")?.methods ?? []).map(({ name, methodKind, input, output }) => ({
        name,
        methodKind,
        input: input.typeName,
        output: output.typeName,
      }));
    expect(methods(ours)).toHaveLength(4);
    expect(methods(ours)).toEqual(methods(ofBuf));
  });

  test("without --import-path is looked for beside the file", () => {
    const files = parseProtoFiles([`${fixtures}/acme/v1/edition.proto`], []);
    expect(files.map(({ name }) => name)).toEqual(["edition.proto"]);
  });

  test("that cannot be used fails with its name, its line and what is wrong", async () => {
    await using lab = new InProcessLab();
    const parse = (name: string, text: string): unknown => parseProtoFiles([lab.file(name, text)], []);
    expect(() => parse("bad.proto", 'syntax = "proto3";\nmessage A {\n  strin g x = 1;\n}\n')).toThrow(
      /bad\.proto cannot be used: .*line 3/,
    );
    expect(() => parse("alone.proto", 'syntax = "proto3"; message A { B b = 1; }')).toThrow(/alone.proto .*'B'/);
    expect(() => parse("importing.proto", 'syntax = "proto3"; import "missing.proto";')).toThrow(
      "there is no file missing.proto here or in ",
    );
    expect(() => parseProtoFiles(["/nowhere.proto"], [])).toThrow("/nowhere.proto cannot be used: there is no file");
  });
});
