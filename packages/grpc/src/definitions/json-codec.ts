/** Protobuf messages in their JSON form: `application/grpc+json`. */
import { Buffer } from "node:buffer";
import { create, type DescMessage, fromJsonString, type MessageInitShape, type MessageShape, toJsonString } from "@bufbuild/protobuf";
import type { Codec } from "../codec.js";

/** Takes messages and plain objects to make one of. Fields that are not known are passed over, as in the binary form. */
export function jsonCodec<Desc extends DescMessage>(schema: Desc): Codec<MessageShape<Desc>, MessageInitShape<Desc> & {}> {
  return {
    encode(message) {
      const given = (message as { readonly $typeName?: string }).$typeName;
      if (given !== undefined && given !== schema.typeName)
        throw new TypeError(`a message ${given} was given where ${schema.typeName} is expected`);
      return Buffer.from(toJsonString(schema, create(schema, message)), "utf8");
    },
    decode: (bytes) => fromJsonString(schema, utf8.decode(bytes), { ignoreUnknownFields: true }),
  };
}

/** JSON that is not UTF-8 is not JSON (RFC 8259 §8.1). */
const utf8 = new TextDecoder("utf-8", { fatal: true });
