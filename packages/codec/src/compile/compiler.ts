/** Turns message descriptors into functions, each once. */
import type { DescMessage } from "@bufbuild/protobuf";
import { giveUp } from "../give-up.js";
import type { Reader } from "../reader.js";
import type { BackwardWriter } from "../writer.js";
import { decoderSource } from "./decode.js";
import { encoderSource } from "./encode.js";

/** Writes a message without its length. It throws anything for a message that it does not handle. */
export type Encode = (message: object, writer: BackwardWriter) => void;

/** Makes and reads messages of one type. */
export interface Decoder {
  readonly Message: new () => object;
  /** Reads fields up to `end` into `message`; `depth` is 1 for a message that is in no other. */
  read(message: object, reader: Reader, end: number, depth: number): void;
  readGroup(message: object, reader: Reader, endTag: number, depth: number): void;
}

interface Unknown {
  readonly no: number;
  readonly wireType: number;
  readonly data: Uint8Array;
}

function writeUnknown(fields: readonly Unknown[], writer: BackwardWriter): void {
  for (let index = fields.length - 1; index >= 0; index--) {
    const { no, wireType, data } = fields[index] as Unknown;
    writer.raw(data);
    writer.varint(((no << 3) | wireType) >>> 0);
  }
}

const { hasOwnProperty: hasOwn } = Object.prototype;
/** A list or map that is not given in an init. */
const none: readonly never[] = Object.freeze([]);

interface Encoders {
  message: Encode;
  init: Encode;
}

const encoders = new WeakMap<DescMessage, Encoders>();
const decoders = new WeakMap<DescMessage, Decoder>();

/**
 * Values that compiled source refers to by name, so that nothing but numbers and quoted names is ever in the source.
 */
class Constants {
  readonly values: unknown[] = [];

  readonly constant = (value: unknown): string => {
    if (typeof value === "number" || typeof value === "boolean") return Object.is(value, -0) ? "-0" : String(value);
    if (typeof value === "string") return JSON.stringify(value);
    this.values.push(value);
    return `$[${this.values.length - 1}]`;
  };
}

/** Returns whether the platform lets code be made of strings; a strict content security policy does not. */
export function mayCompile(): boolean {
  try {
    return evaluate("return true;", {}) === true;
  } catch {
    return false;
  }
}

function evaluate(source: string, environment: Readonly<Record<string, unknown>>): unknown {
  return new Function(...Object.keys(environment), `"use strict";\n${source}`)(...Object.values(environment));
}

/** Returns the encoders of a type: of its messages, and of the plain objects that `create` makes them from. */
export function encodersOf(desc: DescMessage): { readonly message: Encode; readonly init: Encode } {
  const known = encoders.get(desc);
  if (known !== undefined) return known;
  const made: Encoders = {
    // Types may contain each other, so the source refers to holders that are filled in on first use.
    message(message, writer) {
      made.message = compileEncoder(desc, false);
      made.message(message, writer);
    },
    init(init, writer) {
      made.init = compileEncoder(desc, true);
      made.init(init, writer);
    },
  };
  encoders.set(desc, made);
  return made;
}

function compileEncoder(desc: DescMessage, ofInit: boolean): Encode {
  const constants = new Constants();
  const ofType = (type: DescMessage): string => constants.constant(encodersOf(type));
  const source = encoderSource(desc, {
    encoder: (type) => `${ofType(type)}.message`,
    initEncoder: ofInit ? (type) => `${ofType(type)}.init` : undefined,
  });
  return evaluate(`return ${source}`, { $: constants.values, giveUp, hasOwn, none, writeUnknown }) as Encode;
}

/** Returns the decoder of a type; those of the types within it are made when they are first needed. */
export function decoderOf(desc: DescMessage): Decoder {
  const known = decoders.get(desc);
  if (known !== undefined) return known;
  const holder: { -readonly [Name in keyof Decoder]: Decoder[Name] } = {
    Message: class {
      constructor() {
        // biome-ignore lint/correctness/noConstructorReturn: the first message of a type is made by the compiled class
        return new (fill().Message)();
      }
    },
    read: (message, reader, end, depth) => fill().read(message, reader, end, depth),
    readGroup: (message, reader, endTag, depth) => fill().readGroup(message, reader, endTag, depth),
  };
  const fill = (): Decoder => Object.assign(holder, compileDecoder(desc));
  decoders.set(desc, holder);
  return holder;
}

function compileDecoder(desc: DescMessage): Decoder {
  const constants = new Constants();
  const decoder = (type: DescMessage): string => constants.constant(decoderOf(type));
  const source = decoderSource(desc, {
    constant: constants.constant,
    construct: (type) => `${decoder(type)}.Message`,
    read: (type) => `${decoder(type)}.read`,
    readGroup: (type) => `${decoder(type)}.readGroup`,
  });
  return evaluate(source, { $: constants.values, giveUp }) as Decoder;
}
