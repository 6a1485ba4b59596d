/**
 * Checks the compiled codec against protobuf-es, for messages of random types.
 *
 * An input is two octets that choose one of 65,536 files of types, one that chooses a type in it, and a message.
 */
import { type DescMessage, fromBinary, toBinary } from "@bufbuild/protobuf";
import { type BinaryCodec, BinaryCodecs } from "@trunkline/codec";
import { nodePlatform } from "@trunkline/codec/node";
import {
  drawFrom,
  makeTypes,
  makeValue,
  occurrences,
  type Syntax,
} from "../../../packages/codec/test/support/descriptors.js";
import { kindOf, must, type Target } from "../target.js";

const syntaxes: readonly Syntax[] = ["proto2", "proto3", "editions"];
/** The largest number of files of types that are kept; then all are made again when they are needed. */
const mostFiles = 500;

const codecs = new BinaryCodecs(nodePlatform, { compileAfter: 0 });
const files = new Map<number, readonly Type[]>();

interface Type {
  readonly desc: DescMessage;
  readonly codec: BinaryCodec<object>;
}

function typesOf(number: number): readonly Type[] {
  let types = files.get(number);
  if (types === undefined) {
    const made = makeTypes(syntaxes[number % 3] as Syntax, drawFrom(number));
    types = made.map((desc) => ({ desc, codec: codecs.codec(desc) as BinaryCodec<object> }));
    if (files.size >= mostFiles) files.clear();
    files.set(number, types);
  }
  return types;
}

function chosen(input: Uint8Array): Type {
  const types = typesOf(((input[0] ?? 0) << 8) | (input[1] ?? 0));
  return types[(input[2] ?? 0) % types.length] as Type;
}

export const codecTarget: Target = {
  name: "codec",
  generate(random) {
    const choice = random.bytes(3);
    const { desc } = chosen(choice);
    const value = makeValue(desc, drawFrom(random.below(2 ** 31)));
    try {
      return Uint8Array.from([...choice, ...toBinary(desc, value)]);
    } catch {
      return Uint8Array.from([...choice, ...random.bytes(random.below(40))]); // A required field is missing.
    }
  },
  report() {
    const counts = [...occurrences].sort(([, one], [, other]) => one - other);
    return `features of protobuf that have occurred: ${counts.map(([name, times]) => `${name} ${times}`).join(", ")}`;
  },
  *run(input) {
    const { desc, codec } = chosen(input);
    const bytes = input.subarray(3);
    const theirs = outcome(() => fromBinary(desc, bytes));
    const ours = outcome(() => codec.decode(bytes));
    must(String(ours.error) === String(theirs.error), `${ours.error} instead of ${theirs.error}`);
    if (theirs.value === undefined || ours.value === undefined) {
      yield `refused ${kindOf(theirs.error)}`;
      return;
    }
    must(inspect(ours.value) === inspect(theirs.value), `${inspect(ours.value)} instead of ${inspect(theirs.value)}`);
    must(Object.getPrototypeOf(ours.value) !== null, "a message without a prototype");
    const written = outcome(() => toBinary(desc, theirs.value as never));
    const ourBytes = outcome(() => codec.encode(ours.value as object));
    must(String(ourBytes.error) === String(written.error), `${ourBytes.error} instead of ${written.error}`);
    // JavaScript does not say which bits of a NaN survive, and V8 changes its mind as it optimises.
    const comparable = inspect(theirs.value).includes('"NaN"') ? anyNaN(desc) : hex;
    const [mine, others] = [comparable(ourBytes.value), comparable(written.value)];
    must(mine === others, `${mine} instead of ${others}`);
    for (const field of desc.fields) {
      if (Object.hasOwn(theirs.value, field.oneof?.localName ?? field.localName)) {
        yield `${field.fieldKind} ${field.scalar ?? ""} ${field.presence}`;
      }
    }
  },
};

interface Outcome<T> {
  readonly value?: T;
  readonly error?: unknown;
}

function outcome<T>(run: () => T): Outcome<T> {
  try {
    return { value: run() };
  } catch (error) {
    return { error };
  }
}

function hex(bytes: Uint8Array | undefined): string {
  return bytes === undefined ? "nothing" : Buffer.from(bytes).toString("hex");
}

/** Returns how bytes of a type are compared where all NaNs are equal. */
function anyNaN(desc: DescMessage): (bytes: Uint8Array | undefined) => string {
  return (bytes) => (bytes === undefined ? "nothing" : inspect(fromBinary(desc, bytes)));
}

/** Returns a message as text in which equal messages are equal, with bigints, bytes, NaN and minus zero told apart. */
function inspect(message: unknown): string {
  return JSON.stringify(message, (_, value: unknown) => {
    if (typeof value === "bigint") return `${value}n`;
    if (value instanceof Uint8Array) return `bytes ${hex(value)}`;
    if (typeof value === "number" && (!Number.isFinite(value) || Object.is(value, -0))) {
      return Object.is(value, -0) ? "-0" : String(value);
    }
    if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)));
  });
}
