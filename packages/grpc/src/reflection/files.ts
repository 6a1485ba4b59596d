/** The .proto file of a service, from each description that carries one. */
import { createFileRegistry, type DescFile, fromBinary } from "@bufbuild/protobuf";
import { type FileDescriptorProto, FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { isDescriptor } from "../service/descriptor.js";
import { type GrpcJsServiceDefinition, isGrpcJsService } from "../service/grpc-js.js";
import { type AnyService, resolveService } from "../service/resolution.js";

/**
 * Returns the file that defines a service: of a descriptor of protobuf-es and of a definition that
 * `@grpc/proto-loader` has made. Other descriptions know their messages as functions only: then it is undefined.
 */
export function fileOfService(description: AnyService): DescFile | undefined {
  if (isDescriptor(description)) return (description as { readonly file?: DescFile }).file;
  if (!isGrpcJsService(description)) return undefined;
  const name = resolveService(description).typeName;
  const files = loadedFiles(description);
  const own = [...files.values()].find((file) => file.service.some((service) => fullName(file, service.name) === name));
  if (own === undefined) return undefined;
  return createFileRegistry(own, (imported) => files.get(imported)).getFile(own.name);
}

function fullName({ package: scope }: FileDescriptorProto, name: string): string {
  return scope === "" ? name : `${scope}.${name}`;
}

/** Returns the files that proto-loader keeps with the types of each method, by their names. */
function loadedFiles(definition: GrpcJsServiceDefinition): Map<string, FileDescriptorProto> {
  const files = new Map<string, FileDescriptorProto>();
  for (const method of Object.values(definition)) {
    const { requestType } = method as { readonly requestType?: { readonly fileDescriptorProtos?: unknown } };
    const all = requestType?.fileDescriptorProtos;
    if (!Array.isArray(all)) continue;
    for (const bytes of all as Uint8Array[]) {
      const file = fromBinary(FileDescriptorProtoSchema, bytes);
      files.set(file.name, file);
    }
  }
  return files;
}
