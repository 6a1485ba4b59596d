/** Protobuf messages in their JSON form: `application/grpc+json`. */

import {
  create,
  createRegistry,
  type DescFile,
  type DescMessage,
  fromJsonString,
  type MessageInitShape,
  type MessageShape,
  type Registry,
  toJsonString,
} from "@bufbuild/protobuf";
import { encodeUtf8 } from "#platform";
import type { MessageCodec } from "./codec.js";
import { checkMessage } from "./protobuf.js";

/**
 * Makes a codec for protobuf in its JSON form. `encode` takes messages, and plain objects to make one from. Unknown
 * fields are ignored. A `google.protobuf.Any` may hold any message that the file of the schema, or a file imported by
 * it, defines.
 */
export function jsonCodec<Desc extends DescMessage>(
  schema: Desc,
): MessageCodec<MessageShape<Desc>, MessageInitShape<Desc> & {}> {
  return {
    encode(message) {
      checkMessage(message, schema.typeName);
      const whole = create(schema, message);
      return encodeUtf8(toJsonString(schema, whole, { registry: typesOf(schema.file) }));
    },
    decode: (bytes) =>
      fromJsonString(schema, utf8.decode(bytes), { ignoreUnknownFields: true, registry: typesOf(schema.file) }),
    keepsViews: false,
  };
}

/** The decoder of JSON text, which must be UTF-8 (RFC 8259 §8.1). */
const utf8 = new TextDecoder("utf-8", { fatal: true });

const registries: WeakMap<DescFile, Registry> = new WeakMap();

/**
 * Returns the types that an `Any` may hold. They are collected with the first message, since most services never meet
 * JSON.
 */
function typesOf(file: DescFile): Registry {
  let registry = registries.get(file);
  if (registry === undefined) {
    const files = new Set([file]);
    // A set that grows while it is iterated over is iterated over to its new end.
    for (const one of files) for (const imported of one.dependencies) files.add(imported);
    registry = createRegistry(...files);
    registries.set(file, registry);
  }
  return registry;
}
