/** Descriptions from .proto files in their wire form. */
import { createFileRegistry, type FileRegistry } from "@bufbuild/protobuf";
import type { DescriptorProto, FileDescriptorProto } from "@bufbuild/protobuf/wkt";
import * as wkt from "@bufbuild/protobuf/wkt";

const wellKnownFiles = [
  wkt.file_google_protobuf_any,
  wkt.file_google_protobuf_api,
  wkt.file_google_protobuf_cpp_features,
  wkt.file_google_protobuf_descriptor,
  wkt.file_google_protobuf_duration,
  wkt.file_google_protobuf_empty,
  wkt.file_google_protobuf_field_mask,
  wkt.file_google_protobuf_go_features,
  wkt.file_google_protobuf_java_features,
  wkt.file_google_protobuf_source_context,
  wkt.file_google_protobuf_struct,
  wkt.file_google_protobuf_timestamp,
  wkt.file_google_protobuf_type,
  wkt.file_google_protobuf_wrappers,
];

/** The files that every compiler brings along, which servers and descriptor sets may leave out. */
const wellKnown: ReadonlyMap<string, FileDescriptorProto> = new Map(
  wellKnownFiles.map(({ proto }) => [proto.name, proto]),
);

/** Returns a file that every compiler brings along. */
export function wellKnownFile(name: string): FileDescriptorProto | undefined {
  return wellKnown.get(name);
}

/** Returns the types at the top of each of those files, whose package is google.protobuf. */
export function wellKnownTypes(): ReadonlyMap<string, readonly { readonly name: string; readonly isEnum: boolean }[]> {
  const own = wellKnownFiles.filter(({ proto }) => proto.package === "google.protobuf");
  return new Map(
    own.map(({ proto, messages, enums }) => [
      proto.name,
      [...messages.map(({ name }) => ({ name, isEnum: false })), ...enums.map(({ name }) => ({ name, isEnum: true }))],
    ]),
  );
}

/** Returns the name of the file that defines a type of google.protobuf. */
export function wellKnownFileOf(typeName: string): string | undefined {
  const defines = ({ messages, enums }: (typeof wellKnownFiles)[number]): boolean =>
    [...messages, ...enums].some((each) => each.typeName === typeName);
  return wellKnownFiles.find(defines)?.proto.name;
}

/** Returns the registry of all files and their imports. @throws Error for an import or a type that is missing */
export function registryOf(files: ReadonlyMap<string, FileDescriptorProto>): FileRegistry {
  const find = (name: string): FileDescriptorProto | undefined => files.get(name) ?? wellKnown.get(name);
  // Each file is made once: a message is the same one wherever it is used.
  const ordered: FileDescriptorProto[] = [];
  const seen = new Set<string>();
  const visit = (file: FileDescriptorProto): void => {
    if (seen.has(file.name)) return;
    seen.add(file.name);
    for (const name of file.dependency) {
      const imported = find(name);
      if (imported === undefined) throw new Error(`the file ${name}, which ${file.name} imports, is missing`);
      visit(imported);
    }
    for (const message of file.messageType) nameInJson(message);
    ordered.push(file);
  };
  for (const file of files.values()) visit(file);
  return createFileRegistry({ $typeName: "google.protobuf.FileDescriptorSet", file: ordered });
}

/** Gives each field its name in JSON, which compilers do, and some servers leave out. */
function nameInJson({ field, nestedType }: DescriptorProto): void {
  for (const each of field) if (each.jsonName === "") each.jsonName = jsonNameOf(each.name);
  for (const each of nestedType) nameInJson(each);
}

function jsonNameOf(name: string): string {
  return name.replace(/_+(.?)/g, (_, next: string) => next.toUpperCase());
}
