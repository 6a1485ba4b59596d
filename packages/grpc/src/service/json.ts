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
import { isMessage } from "./protobuf.js";

/**
 * Takes messages and plain objects to make one of. Fields that are not known are passed over, as in the binary form. A `google.protobuf.Any` may hold what
 * the file of the message and those that it imports define: in JSON it is written out.
 */
export function jsonCodec<Desc extends DescMessage>(
  schema: Desc,
): MessageCodec<MessageShape<Desc>, MessageInitShape<Desc> & {}> {
  return {
    encode(message) {
      const whole = isMessage(message, schema.typeName) ? (message as MessageShape<Desc>) : create(schema, message);
      return encodeUtf8(toJsonString(schema, whole, { registry: typesOf(schema.file) }));
    },
    decode: (bytes) =>
      fromJsonString(schema, utf8.decode(bytes), { ignoreUnknownFields: true, registry: typesOf(schema.file) }),
  };
}

/** JSON that is not UTF-8 is not JSON (RFC 8259 §8.1). */
const utf8 = new TextDecoder("utf-8", { fatal: true });

const registries: WeakMap<DescFile, Registry> = new WeakMap();

/** Made with the first message: most services are never spoken to in JSON. */
function typesOf(file: DescFile): Registry {
  let registry = registries.get(file);
  if (registry === undefined) {
    const files = new Set([file]);
    // What is added while it is gone through is gone through too.
    for (const one of files) for (const imported of one.dependencies) files.add(imported);
    registry = createRegistry(...files);
    registries.set(file, registry);
  }
  return registry;
}
