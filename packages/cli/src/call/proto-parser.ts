/**
 * Reads .proto files into the form that compilers give them. protobufjs parses them and resolves names and features;
 * its own descriptors know neither files nor `required`, so that they are made here: files of edition 2023 in which
 * each field and enum says its features, whatever the syntax of the source.
 */
import { existsSync } from "node:fs";
import { basename, dirname, isAbsolute, join, relative } from "node:path";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  DescriptorProtoSchema,
  Edition,
  EnumDescriptorProtoSchema,
  FeatureSet_EnumType,
  FeatureSet_FieldPresence,
  FeatureSet_MessageEncoding,
  FeatureSet_RepeatedFieldEncoding,
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  type FieldDescriptorProtoSchema,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  ServiceDescriptorProtoSchema,
} from "@bufbuild/protobuf/wkt";
import protobuf from "protobufjs";
import { CommandError, reasonOf } from "../command-error.js";
import { ExitCode } from "../exit-codes.js";
import { wellKnownFileOf, wellKnownTypes } from "./file-registry.js";

type FieldInit = MessageInitShape<typeof FieldDescriptorProtoSchema>;
type MessageInit = MessageInitShape<typeof DescriptorProtoSchema>;
type EnumInit = MessageInitShape<typeof EnumDescriptorProtoSchema>;

/**
 * Parses the files and their imports, which are looked for in the import paths, or in the folders of the files.
 * @throws CommandError that names the file and the line
 */
export function parseProtoFiles(
  files: readonly string[],
  importPaths: readonly string[],
): readonly FileDescriptorProto[] {
  const folders = importPaths.length > 0 ? importPaths : [...new Set(files.map((file) => dirname(file)))];
  defineWellKnown();
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) => located(target, folders);
  try {
    // The asynchronous form throws some failures where nothing can catch them.
    root.loadSync([...files], { keepCase: true });
    root.resolveAll();
  } catch (error) {
    const message = `${files.join(", ")} cannot be used: ${reasonOf(error)}`;
    throw new CommandError(message, ExitCode.unreadable, { cause: error });
  }
  return filesOf(root, folders);
}

/** Returns where a file is: in the first folder that has it, or at its path as it was given. @throws Error */
function located(target: string, folders: readonly string[]): string {
  const places = isAbsolute(target) ? [target] : [...folders.map((folder) => join(folder, target)), target];
  const found = places.find((place) => existsSync(place));
  if (found === undefined) throw new Error(`there is no file ${target} here or in ${folders.join(", ")}`);
  return found;
}

/** Makes the well-known files known by the names of their types only: their content is that of protobuf-es. */
function defineWellKnown(): void {
  for (const [file, types] of wellKnownTypes()) {
    const nested: Record<string, protobuf.AnyNestedObject> = {};
    for (const { name, isEnum } of types) nested[name] = isEnum ? { values: { NONE: 0 } } : { fields: {} };
    protobuf.common(file, { nested: { google: { nested: { protobuf: { nested } } } } });
  }
}

/** Collects what each file defines. */
function filesOf(root: protobuf.Root, folders: readonly string[]): readonly FileDescriptorProto[] {
  const fileNameOf = (path: string): string => {
    const within = folders.map((folder) => relative(folder, path)).find((name) => !name.startsWith(".."));
    return (within ?? basename(path)).replaceAll("\\", "/");
  };
  const files = new Map<string, { readonly file: FileDescriptorProto; readonly uses: Set<string> }>();
  const fileAt = (path: string, scope: string): { file: FileDescriptorProto; uses: Set<string> } => {
    let entry = files.get(path);
    if (entry === undefined) {
      const file = create(FileDescriptorProtoSchema, {
        name: fileNameOf(path),
        package: scope,
        syntax: "editions",
        edition: Edition.EDITION_2023,
      });
      entry = { file, uses: new Set() };
      files.set(path, entry);
    }
    return entry;
  };
  const importsIn = (uses: Set<string>): Imports => ({
    nameOf(type) {
      const own = type.filename;
      const file = own === null ? wellKnownFileOf(nameWithin(type)) : fileNameOf(own);
      if (file !== undefined) uses.add(file);
      return type.fullName;
    },
  });
  const visit = (scope: protobuf.NamespaceBase): void => {
    for (const each of scope.nestedArray) {
      if (each instanceof protobuf.Namespace && isPlain(each)) {
        visit(each);
        continue;
      }
      if (each.filename === null) continue;
      const { file, uses } = fileAt(each.filename, scope.fullName.replace(/^\./, ""));
      const imports = importsIn(uses);
      if (each instanceof protobuf.Type) file.messageType.push(create(DescriptorProtoSchema, messageOf(each, imports)));
      else if (each instanceof protobuf.Enum) file.enumType.push(create(EnumDescriptorProtoSchema, enumOf(each)));
      else if (each instanceof protobuf.Service)
        file.service.push(create(ServiceDescriptorProtoSchema, serviceOf(each, imports)));
      else if (each instanceof protobuf.Field) {
        const holder = create(DescriptorProtoSchema, { extension: [extensionOf(each, imports)] });
        file.extension.push(...holder.extension);
      }
    }
  };
  visit(root);
  return Array.from(files.values(), ({ file, uses }) => {
    uses.delete(file.name);
    file.dependency.push(...uses);
    return file;
  });
}

/** The imports of one file, which its uses of types tell: protobufjs does not keep them. */
interface Imports {
  /** Notes the file of a type as imported, and returns the full name of the type, with a dot before it. */
  nameOf(type: protobuf.ReflectionObject): string;
}

/** Returns true for a namespace that is only a part of a package's name. */
function isPlain(each: protobuf.NamespaceBase): boolean {
  return !(each instanceof protobuf.Type) && !(each instanceof protobuf.Service);
}

function nameWithin(type: protobuf.ReflectionObject): string {
  return type.fullName.replace(/^\./, "");
}

function messageOf(type: protobuf.Type, imports: Imports): MessageInit {
  // `optional` of proto3 is presence here, and its oneof of one field only says so.
  const oneofs = type.oneofsArray.filter((oneof) => !oneof.isProto3Optional);
  const fields = type.fieldsArray.filter(({ declaringField }) => declaringField === null);
  const nested = type.nestedArray;
  const entries = fields.filter((field) => field instanceof protobuf.MapField);
  return {
    name: type.name,
    field: fields.map((field) => fieldOf(field, imports, oneofs)),
    oneofDecl: oneofs.map(({ name }) => ({ name })),
    nestedType: [
      ...nested.filter((each) => each instanceof protobuf.Type).map((each) => messageOf(each, imports)),
      ...entries.map((field) => entryOf(field, imports)),
    ],
    enumType: nested.filter((each) => each instanceof protobuf.Enum).map(enumOf),
    extension: nested.filter((each) => each instanceof protobuf.Field).map((each) => extensionOf(each, imports)),
    extensionRange: (type.extensions ?? []).map(([start = 0, end = 0]) => ({ start, end: end + 1 })),
  };
}

function fieldOf(field: protobuf.FieldBase, imports: Imports, oneofs: readonly protobuf.OneOf[] = []): FieldInit {
  const oneofIndex = field.partOf === null ? -1 : oneofs.indexOf(field.partOf);
  const isMap = field instanceof protobuf.MapField;
  const jsonName = field.options?.["json_name"] as string | undefined;
  const byDefault = field.options?.["default"] as unknown;
  return {
    name: field.name,
    number: field.id,
    label: field.repeated || isMap ? FieldDescriptorProto_Label.REPEATED : FieldDescriptorProto_Label.OPTIONAL,
    ...(isMap ? { type: FieldDescriptorProto_Type.MESSAGE, typeName: entryPath(field) } : typeOf(field, imports)),
    ...(oneofIndex >= 0 && { oneofIndex }),
    ...(jsonName !== undefined && { jsonName }),
    ...(byDefault !== undefined && { defaultValue: String(byDefault) }),
    options: { features: featuresOf(field, oneofIndex >= 0 || isMap) },
  };
}

function extensionOf(field: protobuf.Field, imports: Imports): FieldInit {
  const { extendedType } = (field.extensionField === null ? {} : { extendedType: field.extensionField.parent }) as {
    readonly extendedType?: protobuf.ReflectionObject;
  };
  const extendee = extendedType === undefined ? (field.extend as string) : imports.nameOf(extendedType);
  return { ...fieldOf(field, imports), extendee };
}

function typeOf(field: protobuf.FieldBase, imports: Imports): Pick<FieldInit, "type" | "typeName"> {
  const { resolvedType } = field;
  if (resolvedType === null) {
    const type = FieldDescriptorProto_Type[field.type.toUpperCase() as keyof typeof FieldDescriptorProto_Type];
    return { type };
  }
  const isEnum = resolvedType instanceof protobuf.Enum;
  return {
    type: isEnum ? FieldDescriptorProto_Type.ENUM : FieldDescriptorProto_Type.MESSAGE,
    typeName: imports.nameOf(resolvedType),
  };
}

/** Returns the message of the entries of a map. */
function entryOf(field: protobuf.MapField, imports: Imports): MessageInit {
  const key = FieldDescriptorProto_Type[field.keyType.toUpperCase() as keyof typeof FieldDescriptorProto_Type];
  const label = FieldDescriptorProto_Label.OPTIONAL;
  return {
    name: entryName(field),
    field: [
      { name: "key", number: 1, label, type: key },
      { name: "value", number: 2, label, ...typeOf(field, imports) },
    ],
    options: { mapEntry: true },
  };
}

function entryName({ name }: protobuf.FieldBase): string {
  return `${`_${name}`.replace(/_+([a-z0-9])/gi, (_, letter: string) => letter.toUpperCase())}Entry`;
}

function entryPath(field: protobuf.MapField): string {
  return `${(field.parent as protobuf.Type).fullName}.${entryName(field)}`;
}

/** The features of protobufjs, as it has resolved them. */
interface ResolvedFeatures {
  readonly enum_type: keyof typeof FeatureSet_EnumType;
  readonly field_presence: keyof typeof FeatureSet_FieldPresence;
  readonly message_encoding: keyof typeof FeatureSet_MessageEncoding;
  readonly repeated_field_encoding: keyof typeof FeatureSet_RepeatedFieldEncoding;
}

function resolvedOf(object: protobuf.ReflectionObject): ResolvedFeatures {
  return (object as unknown as { readonly _features: ResolvedFeatures })._features;
}

function featuresOf(field: protobuf.FieldBase, hasOwnPresence: boolean): NonNullable<FieldInit["options"]>["features"] {
  const { field_presence, message_encoding, repeated_field_encoding } = resolvedOf(field);
  if (field.repeated) return { repeatedFieldEncoding: FeatureSet_RepeatedFieldEncoding[repeated_field_encoding] };
  const isMessage = field.resolvedType instanceof protobuf.Type;
  const isOptional = field.options?.["proto3_optional"] === true;
  return {
    ...(!hasOwnPresence &&
      field.extend === undefined && {
        fieldPresence: isOptional ? FeatureSet_FieldPresence.EXPLICIT : FeatureSet_FieldPresence[field_presence],
      }),
    ...(isMessage && { messageEncoding: FeatureSet_MessageEncoding[message_encoding] }),
  };
}

function enumOf(type: protobuf.Enum): EnumInit {
  return {
    name: type.name,
    value: Object.entries(type.values).map(([name, number]) => ({ name, number })),
    options: {
      allowAlias: type.options?.["allow_alias"] === true,
      features: { enumType: FeatureSet_EnumType[resolvedOf(type).enum_type] },
    },
  };
}

function serviceOf(service: protobuf.Service, imports: Imports): MessageInitShape<typeof ServiceDescriptorProtoSchema> {
  return {
    name: service.name,
    method: service.methodsArray.map((method) => ({
      name: method.name,
      inputType: imports.nameOf(method.resolvedRequestType as protobuf.Type),
      outputType: imports.nameOf(method.resolvedResponseType as protobuf.Type),
      clientStreaming: method.requestStream === true,
      serverStreaming: method.responseStream === true,
    })),
  };
}
