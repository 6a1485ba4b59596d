/** Protobuf messages in their binary form. */
import type { DescMessage, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { BinaryCodecs } from "@trunkline/codec";
import { codecPlatform } from "#platform";
import { type DecodeLimits, defaultDecodeLimits, type MessageCodec } from "./codec.js";
import { checkFieldCounts, messagePlan } from "./field-counts.js";

/** The compiled codecs of the process: they share one block of memory. */
const codecs = new BinaryCodecs(codecPlatform);

/**
 * Makes a codec for protobuf in its binary form, from a descriptor of `@bufbuild/protobuf`. `encode` takes messages,
 * and plain objects to make one from.
 */
export function protobufCodec<Desc extends DescMessage>(
  schema: Desc,
): MessageCodec<MessageShape<Desc>, MessageInitShape<Desc> & {}> {
  const { typeName } = schema;
  const binary = codecs.codec(schema);
  return {
    encode(message) {
      checkMessage(message, typeName);
      return binary.encode(message);
    },
    encodeBehind(headroom, message) {
      checkMessage(message, typeName);
      return binary.encode(message, headroom);
    },
    decode(bytes, limits = defaultDecodeLimits) {
      if (bytes.length > leastBytesToCount(limits)) checkFieldCounts(messagePlan(schema), bytes, limits);
      return binary.decode(bytes);
    },
    written: (bytes) => binary.reuse(bytes),
    // Bytes fields are views, and unknown fields may be.
    keepsViews: holdsBytes(schema, new Set()),
  };
}

/** Returns the size up to which a message cannot go beyond the limits: a field takes at least two bytes. */
function leastBytesToCount({ maxUnknownFields, maxNestedMessages }: DecodeLimits): number {
  return 2 * Math.min(maxUnknownFields, maxNestedMessages);
}

/**
 * Checks that a value is a message of the type, or an object to make one from.
 * @throws TypeError for a message of another type, of which a part would be lost, and for a value that is no object
 */
export function checkMessage(given: unknown, typeName: string): void {
  if (typeof given !== "object" || given === null)
    throw new TypeError(`${String(given)} was given where a message ${typeName} is expected`);
  const { $typeName } = given as { readonly $typeName?: string };
  if ($typeName !== undefined && $typeName !== typeName)
    throw new TypeError(`a message ${$typeName} was given where ${typeName} is expected`);
}

function holdsBytes(schema: DescMessage, seen: Set<string>): boolean {
  if (seen.has(schema.typeName)) return false;
  seen.add(schema.typeName);
  return schema.fields.some((field) => {
    const { scalar, message } = field;
    return scalar === scalarBytes || (message !== undefined && holdsBytes(message, seen));
  });
}

/** The number of `ScalarType.BYTES` in descriptor.proto. */
const scalarBytes = 12;
