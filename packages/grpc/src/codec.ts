/** Messages to bytes and back. */
import { create, type DescMessage, fromBinary, type MessageInitShape, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { retained } from "@trunkline/h2";

/**
 * How one kind of message goes over the wire.
 *
 * `encode` gives bytes that nobody changes afterwards: they may be kept until they are written. `decode` gets a view into
 * what was received; to keep a part of it is allowed, and keeps the whole chunk (up to 64 KiB) in memory, so copy what is small (`retained`
 * of `@trunkline/h2` does that). What they throw ends the call with INTERNAL.
 */
export interface Codec<Message extends {}, Init extends {} = Message> {
  encode(message: Init): Uint8Array;
  decode(bytes: Uint8Array): Message;
}

/** Bytes as they are, for services that need no messages. A received one is the caller's to keep. */
export const bytesCodec: Codec<Uint8Array> = {
  encode: (bytes) => bytes,
  decode: retained,
};

/** Protobuf in its binary form, by a descriptor of `@bufbuild/protobuf`. Takes messages and plain objects to make one of. */
export function protobufCodec<Desc extends DescMessage>(schema: Desc): Codec<MessageShape<Desc>, MessageInitShape<Desc> & {}> {
  const { typeName } = schema;
  // Bytes fields are views of what they were read from: a small message with some must not keep a whole chunk in memory.
  const keepsViews = holdsBytes(schema, new Set());
  return {
    encode(message) {
      const given = (message as { readonly $typeName?: string }).$typeName;
      if (given === typeName) return toBinary(schema, message as MessageShape<Desc>);
      // As an object to make a message of, another message would lose what the two do not share.
      if (given !== undefined) throw new TypeError(`a message ${given} was given where ${typeName} is expected`);
      return toBinary(schema, create(schema, message));
    },
    decode: keepsViews ? (bytes) => fromBinary(schema, retained(bytes)) : (bytes) => fromBinary(schema, bytes),
  };
}

function holdsBytes(schema: DescMessage, seen: Set<string>): boolean {
  if (seen.has(schema.typeName)) return false;
  seen.add(schema.typeName);
  return schema.fields.some((field) => {
    const { scalar, message } = field;
    return scalar === scalarBytes || (message !== undefined && holdsBytes(message, seen));
  });
}

/** `ScalarType.BYTES`, by its number in descriptor.proto. */
const scalarBytes = 12;
