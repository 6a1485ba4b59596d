/** The schema that files tell: .proto files, or a descriptor set that protoc or buf has made. */
import { readFile } from "node:fs/promises";
import { type FileRegistry, fromBinary } from "@bufbuild/protobuf";
import { type FileDescriptorProto, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { CommandError, reasonOf } from "../command-error.js";
import { ExitCode } from "../exit-codes.js";
import { registryOf } from "./file-registry.js";
import type { Described, SchemaSource } from "./schema.js";

/** Options that name the files of a schema. */
export interface SchemaFiles {
  readonly proto?: readonly string[];
  readonly importPath?: readonly string[];
  readonly descriptorSet?: readonly string[];
}

/** Reads the files; undefined where no option names one. @throws CommandError */
export async function fileSource({ proto, importPath, descriptorSet }: SchemaFiles): Promise<FileSource | undefined> {
  if (importPath !== undefined && proto === undefined)
    throw new CommandError("--import-path is for --proto, which is missing", ExitCode.usage);
  if (proto === undefined && descriptorSet === undefined) return undefined;
  if (proto?.includes("")) throw new CommandError('--proto "" is empty; name a file', ExitCode.usage);
  const names = [...(proto ?? []), ...(descriptorSet ?? [])];
  const files = new Map<string, FileDescriptorProto>();
  for (const file of descriptorSet ?? []) for (const each of await readDescriptorSet(file)) files.set(each.name, each);
  // Loaded here: most calls need no parser.
  if (proto !== undefined) {
    const { parseProtoFiles } = await import("./proto-parser.js");
    for (const each of parseProtoFiles(proto, importPath ?? [])) files.set(each.name, each);
  }
  try {
    return new FileSource(names.join(", "), registryOf(files));
  } catch (error) {
    const advice = proto === undefined ? "; make it with its imports (protoc --include_imports)" : "";
    const message = `${names.join(", ")} cannot be used: ${reasonOf(error)}${advice}`;
    throw new CommandError(message, ExitCode.unreadable, { cause: error });
  }
}

async function readDescriptorSet(file: string): Promise<readonly FileDescriptorProto[]> {
  try {
    return fromBinary(FileDescriptorSetSchema, await readFile(file)).file;
  } catch (error) {
    const message = `cannot read the descriptor set ${file}: ${reasonOf(error)}`;
    throw new CommandError(message, ExitCode.unreadable, { cause: error });
  }
}

class FileSource implements SchemaSource {
  readonly name: string;
  readonly #registry: FileRegistry;

  constructor(name: string, registry: FileRegistry) {
    this.name = name;
    this.#registry = registry;
  }

  async services(): Promise<readonly string[]> {
    return [...this.#registry].flatMap((each) => (each.kind === "service" ? [each.typeName] : [])).sort();
  }

  async find(symbol: string): Promise<Iterable<Described> | undefined> {
    return this.#registry.get(symbol) === undefined ? undefined : this.#registry;
  }
}
