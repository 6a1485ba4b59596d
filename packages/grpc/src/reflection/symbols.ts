/** The symbols that .proto files define, and which file defines each: all that reflection is asked for. */
import { type DescEnum, type DescFile, type DescMessage, toBinary } from "@bufbuild/protobuf";
import { nestedTypes } from "@bufbuild/protobuf/reflect";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";

export class Symbols {
  readonly #files: Map<string, DescFile> = new Map();
  /** The file of each symbol, by its full name. */
  readonly #symbols: Map<string, DescFile> = new Map();
  /** The file of each extension, by the full name of the message that it extends and its number. */
  readonly #extensions: Map<string, Map<number, DescFile>> = new Map();

  /** Adds a file and all that it imports; a file that is there already is left as it is. */
  add(file: DescFile): void {
    const { name } = file.proto;
    if (this.#files.has(name)) return;
    this.#files.set(name, file);
    for (const type of nestedTypes(file)) {
      this.#symbols.set(type.typeName, file);
      if (type.kind === "message") this.#addMembers(type, file);
      else if (type.kind === "enum") this.#addValues(type, file);
      else if (type.kind === "extension") this.#extensionsOf(type.extendee.typeName).set(type.number, file);
      else for (const { name } of type.methods) this.#symbols.set(`${type.typeName}.${name}`, file);
    }
    for (const imported of file.dependencies) this.add(imported);
  }

  #addMembers(message: DescMessage, file: DescFile): void {
    this.#extensionsOf(message.typeName);
    for (const { name } of [...message.fields, ...message.oneofs])
      this.#symbols.set(`${message.typeName}.${name}`, file);
  }

  /** The values of an enum are named beside it, not below it. */
  #addValues(type: DescEnum, file: DescFile): void {
    const scope = type.typeName.slice(0, type.typeName.length - type.name.length);
    for (const { name } of type.values) this.#symbols.set(scope + name, file);
  }

  #extensionsOf(message: string): Map<number, DescFile> {
    let extensions = this.#extensions.get(message);
    if (extensions === undefined) {
      extensions = new Map();
      this.#extensions.set(message, extensions);
    }
    return extensions;
  }

  /** Returns the file with a name such as `"acme/v1/greeter.proto"`. */
  file(name: string): DescFile | undefined {
    return this.#files.get(name);
  }

  /** Returns the file that defines a symbol, by its full name. */
  fileOf(symbol: string): DescFile | undefined {
    return this.#symbols.get(symbol);
  }

  /** Returns the file that defines an extension. */
  fileOfExtension(message: string, number: number): DescFile | undefined {
    return this.#extensions.get(message)?.get(number);
  }

  /** Returns the numbers of all extensions of a message, in ascending order; undefined for a message of no file. */
  extensionNumbers(message: string): number[] | undefined {
    const extensions = this.#extensions.get(message);
    return extensions && [...extensions.keys()].sort((a, b) => a - b);
  }
}

const encoded: WeakMap<DescFile, Uint8Array> = new WeakMap();

/** Returns the `google.protobuf.FileDescriptorProto` of a file in its wire form; it is encoded once. */
export function encodedFile(file: DescFile): Uint8Array {
  let bytes = encoded.get(file);
  if (bytes === undefined) {
    bytes = toBinary(FileDescriptorProtoSchema, file.proto);
    encoded.set(file, bytes);
  }
  return bytes;
}
