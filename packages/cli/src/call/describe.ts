/** Writes descriptions as .proto source, without comments and options that change no message. */
import type {
  DescEnum,
  DescExtension,
  DescField,
  DescMessage,
  DescMethod,
  DescOneof,
  DescService,
} from "@bufbuild/protobuf";
import { ScalarType } from "@bufbuild/protobuf";
import { FeatureSet_FieldPresence } from "@bufbuild/protobuf/wkt";
import type { Described } from "./schema.js";

/** Returns the source of one description. */
export function sourceOf(described: Described | DescMethod): string {
  switch (described.kind) {
    case "service":
      return serviceSource(described);
    case "rpc":
      return methodSource(described);
    case "message":
      return messageSource(described);
    case "enum":
      return enumSource(described);
    case "extension":
      return block(`extend ${described.extendee.typeName}`, [fieldSource(described)]);
  }
}

function serviceSource({ name, methods }: DescService): string {
  return block(`service ${name}`, methods.map(methodSource));
}

function methodSource({ name, methodKind, input, output }: DescMethod): string {
  const request = methodKind === "client_streaming" || methodKind === "bidi_streaming" ? "stream " : "";
  const response = methodKind === "server_streaming" || methodKind === "bidi_streaming" ? "stream " : "";
  return `rpc ${name}(${request}${input.typeName}) returns (${response}${output.typeName});`;
}

function messageSource(message: DescMessage): string {
  const nested = message.nestedMessages.filter(({ proto }) => proto.options?.mapEntry !== true);
  const members = message.members.map((member) =>
    member.kind === "oneof" ? oneofSource(member) : fieldSource(member),
  );
  return block(`message ${message.name}`, [
    ...members,
    ...message.nestedExtensions.map(sourceOf),
    ...message.nestedEnums.map(enumSource),
    ...nested.map(messageSource),
  ]);
}

function oneofSource({ name, fields }: DescOneof): string {
  return block(`oneof ${name}`, fields.map(fieldSource));
}

function fieldSource(field: DescField | DescExtension): string {
  return `${presence(field)}${typeName(field)} ${field.name} = ${field.number};`;
}

function presence(field: DescField | DescExtension): string {
  if (field.fieldKind === "list") return "repeated ";
  if (field.fieldKind === "map" || field.oneof !== undefined) return "";
  if (field.presence === FeatureSet_FieldPresence.LEGACY_REQUIRED) return "required ";
  return field.presence === FeatureSet_FieldPresence.EXPLICIT && field.fieldKind !== "message" ? "optional " : "";
}

function typeName(field: DescField | DescExtension): string {
  switch (field.fieldKind) {
    case "message":
      return field.message.typeName;
    case "enum":
      return field.enum.typeName;
    case "scalar":
      return scalarName(field.scalar);
    case "list":
      return field.message?.typeName ?? field.enum?.typeName ?? scalarName(field.scalar as ScalarType);
    case "map": {
      const value = field.message?.typeName ?? field.enum?.typeName ?? scalarName(field.scalar as ScalarType);
      return `map<${scalarName(field.mapKey)}, ${value}>`;
    }
  }
}

function scalarName(type: ScalarType): string {
  return ScalarType[type].toLowerCase();
}

function enumSource({ name, values }: DescEnum): string {
  return block(
    `enum ${name}`,
    values.map((value) => `${value.name} = ${value.number};`),
  );
}

function block(head: string, lines: readonly string[]): string {
  const body = lines.flatMap((line) => line.split("\n")).map((line) => `  ${line}\n`);
  return body.length === 0 ? `${head} {}` : `${head} {\n${body.join("")}}`;
}
