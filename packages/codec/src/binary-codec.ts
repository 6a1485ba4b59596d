/** Messages of protobuf-es to bytes and back: by protobuf-es at first, by compiled functions for types used often. */
import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { checkOptionNames, optionNames, wholeNumber } from "@trunkline/base";
import { type Decoder, decoderOf, encodersOf, mayCompile } from "./compile/compiler.js";
import { canCompile, reachable } from "./compile/shape.js";
import type { CodecPlatform } from "./platform.js";
import { Reader } from "./reader.js";
import { BackwardWriter } from "./writer.js";

/** Encodes and decodes messages of one type, exactly as `toBinary` and `fromBinary` of protobuf-es do. */
export interface BinaryCodec<Message extends object, Init extends object = Message> {
  /**
   * Returns the message, or what `create` would make of a plain object, as bytes, which are never written to again,
   * behind `headroom` zero bytes (default 0) for a prefix that the caller puts there.
   * @throws Error as `toBinary` does, for values that the fields cannot have
   */
  encode(message: Message | Init, headroom?: number): Uint8Array;
  /**
   * Gives back the bytes of a message that `encode` has returned and nobody reads any more: their memory is used again.
   * It need not be called.
   */
  reuse(bytes: Uint8Array): void;
  /**
   * Returns the message. Its fields of type bytes are views of `bytes`, and keep that in memory; nothing else does.
   * @throws Error as `fromBinary` does, for bytes that are no such message
   */
  decode(bytes: Uint8Array): Message;
}

/** Options of `BinaryCodecs`. */
export interface BinaryCodecsOptions {
  /**
   * The number of messages of a type that protobuf-es encodes, and that it decodes, before a function is compiled.
   * Default 20:
   * compiling takes as long as some hundred messages, which a program that starts and ends should not pay.
   */
  readonly compileAfter?: number;
}

const binaryCodecsOptionNames = optionNames<BinaryCodecsOptions>({ compileAfter: true });

/** A family of codecs that share a block of memory. A process needs one. */
export class BinaryCodecs {
  readonly #writer: BackwardWriter;
  readonly #reader: Reader;
  readonly #compileAfter: number;
  #allowed: boolean | undefined;

  /** @throws TypeError for an option that is not known, RangeError for a number out of its range */
  constructor(platform: CodecPlatform, options: BinaryCodecsOptions = {}) {
    checkOptionNames("BinaryCodecs", options, binaryCodecsOptionNames);
    this.#writer = new BackwardWriter(platform);
    this.#reader = new Reader(platform);
    this.#compileAfter = wholeNumber("compileAfter", options.compileAfter ?? 20, 0);
  }

  /** Returns a codec of a message type. */
  codec<Desc extends DescMessage>(desc: Desc): BinaryCodec<MessageShape<Desc>, MessageInitShape<Desc> & {}> {
    return new CompilingCodec(desc, this.#writer, this.#reader, this.#compileAfter, () => {
      this.#allowed ??= mayCompile();
      return this.#allowed;
    });
  }
}

class CompilingCodec<Desc extends DescMessage> implements BinaryCodec<MessageShape<Desc>, MessageInitShape<Desc> & {}> {
  readonly #desc: Desc;
  readonly #writer: BackwardWriter;
  readonly #reader: Reader;
  readonly #mayCompile: () => boolean;
  #encodesLeft: number;
  #decodesLeft: number;
  #encoders: ReturnType<typeof encodersOf> | undefined;
  #decoder: Decoder | undefined;

  constructor(desc: Desc, writer: BackwardWriter, reader: Reader, compileAfter: number, mayCompile: () => boolean) {
    this.#desc = desc;
    this.#writer = writer;
    this.#reader = reader;
    this.#mayCompile = mayCompile;
    this.#encodesLeft = compileAfter;
    this.#decodesLeft = compileAfter;
  }

  encode(message: MessageShape<Desc> | (MessageInitShape<Desc> & {}), headroom = 0): Uint8Array {
    const encoders = this.#encoders;
    if (encoders === undefined) {
      if (this.#encodesLeft-- === 0 && this.#compilable) this.#encoders = encodersOf(this.#desc);
      return this.#slowly(message, headroom);
    }
    const writer = this.#writer;
    if (!writer.begin()) return this.#slowly(message, headroom);
    try {
      if (message.$typeName === undefined) encoders.init(message, writer);
      else encoders.message(message, writer);
    } catch {
      writer.abandon();
      return this.#slowly(message, headroom);
    }
    return writer.finish(headroom);
  }

  reuse(bytes: Uint8Array): void {
    if (this.#encoders !== undefined) this.#writer.reuse(bytes);
  }

  decode(bytes: Uint8Array): MessageShape<Desc> {
    const decoder = this.#decoder;
    if (decoder === undefined) {
      if (this.#decodesLeft-- === 0 && this.#compilable) this.#decoder = decoderOf(this.#desc);
      return this.#decodeSlowly(bytes);
    }
    const reader = this.#reader;
    reader.begin(bytes);
    try {
      const message = new decoder.Message();
      decoder.read(message, reader, bytes.length, 1);
      return message as MessageShape<Desc>;
    } catch {
      return this.#decodeSlowly(bytes);
    } finally {
      reader.end();
    }
  }

  get #compilable(): boolean {
    return this.#mayCompile() && canCompile(reachable(this.#desc));
  }

  /** Decodes a copy: what protobuf-es keeps of unknown fields are views. */
  #decodeSlowly(bytes: Uint8Array): MessageShape<Desc> {
    return fromBinary(this.#desc, new Uint8Array(bytes));
  }

  #slowly(message: MessageShape<Desc> | (MessageInitShape<Desc> & {}), headroom: number): Uint8Array {
    const body = toBinary(this.#desc, create(this.#desc, message));
    if (headroom === 0) return body;
    const whole = new Uint8Array(headroom + body.length);
    whole.set(body, headroom);
    return whole;
  }
}
