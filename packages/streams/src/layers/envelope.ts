/**
 * `enveloped`: messages with metadata over any stream of bytes. Both ends have to choose it.
 *
 * Each direction is a sequence of frames. The upper half of a frame's first byte is the version (1). Numbers are
 * big-endian:
 *
 * ```text
 * message    11, u32 length of the fields, u32 length of the data, fields, data
 * end        12
 * field      u8 length of the key, key, u32 length of the value, value
 * ```
 *
 * Keys and values are the octets of a header field on the wire: a `-bin` value is base64. The end is written, so that a
 * way that was cut off differs from a peer that has finished. Another version is refused, since its frames cannot be
 * read.
 */
import { checkOptionNames, optionNames, wholeNumber } from "@trunkline/base";
import { Metadata, type WireField, wireFieldProblem } from "@trunkline/metadata";
import { ByteQueue } from "../bytes/byte-queue.js";
import { readLatin1, writeLatin1 } from "../bytes/latin1.js";
import { uninitialised } from "../bytes/memory.js";
import { BrokenStreamError, MetadataNotCarriedError } from "../contract/errors.js";
import type { ObjectStream, ReceivedMessage, SendOptions } from "../contract/stream.js";
import { bytesRefusal } from "../kit/item.js";
import { sendOptionsRefusal } from "../kit/option-refusal.js";
import { TranslatedStream, unlessOver } from "../kit/translated-stream.js";

/** Options of `enveloped`. */
export interface EnvelopeOptions {
  /** The longest data of one message, in either direction. Default 4 MiB, the limit of a gRPC message. */
  readonly maxMessageBytes?: number;
  /**
   * The longest metadata of one message as it is written, in either direction. Default 16 KiB, the usual limit of HTTP
   * headers.
   */
  readonly maxMetadataBytes?: number;
}

const envelopeOptionNames = optionNames<EnvelopeOptions>({ maxMessageBytes: true, maxMetadataBytes: true });

const version = 1;
const messageByte = 0x11;
const endByte = 0x12;
const headBytes = 9;

/**
 * Carries metadata, and the boundaries of messages, over a stream of bytes that carries neither: a socket, a gRPC call
 * whose messages are bytes. An empty message counts as one, too.
 *
 * `send` rejects with a RangeError for data longer than `maxMessageBytes`, and with `MetadataNotCarriedError` for
 * metadata longer than `maxMetadataBytes`. `receive` rejects with a `BrokenStreamError` of code `MESSAGE_TOO_LARGE`,
 * `TRUNCATED_INPUT` or `CORRUPT_INPUT`.
 * @throws RangeError when a limit is not a whole number from 1 to 4,294,967,295
 */
export function enveloped(stream: ObjectStream<Uint8Array>, options: EnvelopeOptions = {}): ObjectStream<Uint8Array> {
  checkOptionNames("enveloped", options, envelopeOptionNames);
  return new EnvelopedStream(stream, options);
}

class EnvelopedStream extends TranslatedStream<Uint8Array, Uint8Array, Uint8Array, Uint8Array> {
  readonly #maxMessageBytes: number;
  readonly #maxMetadataBytes: number;
  readonly #bytes: ByteQueue = new ByteQueue();
  #endReceived = false;

  constructor(stream: ObjectStream<Uint8Array>, options: EnvelopeOptions) {
    super(stream);
    this.#maxMessageBytes = wholeNumber("maxMessageBytes", options.maxMessageBytes ?? 4 * 1024 * 1024, 1, 0xffff_ffff);
    this.#maxMetadataBytes = wholeNumber("maxMetadataBytes", options.maxMetadataBytes ?? 16 * 1024, 1, 0xffff_ffff);
  }

  override get carriesMetadata(): boolean {
    return true;
  }

  async send(data: Uint8Array, options?: SendOptions): Promise<void> {
    const refusal = bytesRefusal("an envelope", data) ?? sendOptionsRefusal(options);
    if (refusal !== undefined) throw refusal;
    if (data.length > this.#maxMessageBytes) {
      throw new RangeError(`message of ${data.length} bytes is larger than maxMessageBytes (${this.#maxMessageBytes})`);
    }
    return this.sendBelow(messageFrame(data, this.#fields(options)), { signal: options?.signal });
  }

  protected override async endOutput(): Promise<void> {
    await this.allSentBelow();
    if (this.broken !== undefined) throw this.broken;
    await unlessOver(this.inner.send(Uint8Array.of(endByte)));
    await super.endOutput();
  }

  protected override ready(): ReceivedMessage<Uint8Array> | undefined {
    return this.#decode();
  }

  protected async pull(): Promise<ReceivedMessage<Uint8Array> | undefined> {
    for (;;) {
      const message = this.#decode();
      if (message !== undefined) return message;
      const chunk = await this.inner.receive();
      if (chunk === undefined) {
        if (this.#endReceived) return undefined;
        const where = this.#bytes.length === 0 ? "" : `, ${this.#bytes.length} bytes into a frame`;
        throw new BrokenStreamError(`the envelope ends without its end${where}`, { code: "TRUNCATED_INPUT" });
      }
      this.#bytes.push(chunk);
    }
  }

  #decode(): ReceivedMessage<Uint8Array> | undefined {
    const bytes = this.#bytes;
    if (this.#endReceived) {
      if (bytes.length > 0) throw corrupt("there are bytes after its end");
      return undefined;
    }
    if (bytes.length === 0) return undefined;
    const first = bytes.byteAt(0);
    if (first === endByte) {
      bytes.skip(1);
      this.#endReceived = true;
      return this.#decode();
    }
    if (first >>> 4 !== version)
      throw corrupt(
        `byte 0x${first.toString(16)} begins no frame of version ${version}; both sides have to choose the envelope`,
      );
    if (first !== messageByte) throw corrupt(`there is no frame 0x${first.toString(16)}`);
    return this.#decodeMessage();
  }

  #decodeMessage(): ReceivedMessage<Uint8Array> | undefined {
    const bytes = this.#bytes;
    if (bytes.length < headBytes) return undefined;
    const head = bytes.peek(headBytes);
    const fieldsBytes = readUint32(head, 1);
    const dataBytes = readUint32(head, 5);
    if (fieldsBytes > this.#maxMetadataBytes) {
      const message = `metadata of ${fieldsBytes} bytes is larger than maxMetadataBytes (${this.#maxMetadataBytes})`;
      throw new BrokenStreamError(message, { code: "MESSAGE_TOO_LARGE" });
    }
    if (dataBytes > this.#maxMessageBytes) {
      const message = `message of ${dataBytes} bytes is larger than maxMessageBytes (${this.#maxMessageBytes})`;
      throw new BrokenStreamError(message, { code: "MESSAGE_TOO_LARGE" });
    }
    if (bytes.length < headBytes + fieldsBytes + dataBytes) return undefined;
    bytes.skip(headBytes);
    const metadata = decodeFields(bytes.take(fieldsBytes));
    return { data: bytes.take(dataBytes), metadata };
  }

  #fields(options: SendOptions | undefined): WireField[] {
    if (options?.metadata === undefined) return [];
    const fields = Metadata.from(options.metadata).toWire();
    const length = fieldsLength(fields);
    if (length > this.#maxMetadataBytes) {
      throw new MetadataNotCarriedError(
        `metadata of ${length} bytes is larger than maxMetadataBytes (${this.#maxMetadataBytes})`,
      );
    }
    for (const { name } of fields) {
      if (name.length > 255)
        throw new MetadataNotCarriedError(
          `metadata key of ${name.length} bytes is longer than an envelope can hold (255)`,
        );
    }
    return fields;
  }
}

function messageFrame(data: Uint8Array, fields: readonly WireField[]): Uint8Array {
  const length = fieldsLength(fields);
  const frame = uninitialised(headBytes + length + data.length);
  frame[0] = messageByte;
  writeUint32(frame, 1, length);
  writeUint32(frame, 5, data.length);
  let offset = headBytes;
  for (const { name, value } of fields) {
    frame[offset++] = name.length;
    writeLatin1(name, frame, offset);
    writeUint32(frame, offset + name.length, value.length);
    writeLatin1(value, frame, offset + name.length + 4);
    offset += name.length + 4 + value.length;
  }
  frame.set(data, offset);
  return frame;
}

function fieldsLength(fields: readonly WireField[]): number {
  return fields.reduce((length, { name, value }) => length + 1 + name.length + 4 + value.length, 0);
}

function decodeFields(bytes: Uint8Array): Metadata {
  if (bytes.length === 0) return Metadata.empty;
  const fields: WireField[] = [];
  for (let offset = 0; offset < bytes.length; ) {
    const keyEnd = offset + 1 + (bytes[offset] as number);
    const valueStart = keyEnd + 4;
    if (valueStart > bytes.length) throw corrupt("a field is longer than the fields are");
    const valueEnd = valueStart + readUint32(bytes, keyEnd);
    if (valueEnd > bytes.length) throw corrupt("a field is longer than the fields are");
    const name = readLatin1(bytes.subarray(offset + 1, keyEnd));
    const field = { name, value: readLatin1(bytes.subarray(valueStart, valueEnd)) };
    const problem = wireFieldProblem(field);
    if (problem !== undefined) throw corrupt(problem);
    fields.push(field);
    offset = valueEnd;
  }
  return Metadata.fromWire(fields);
}

function corrupt(what: string): BrokenStreamError {
  return new BrokenStreamError(`the input is no envelope: ${what}`, { code: "CORRUPT_INPUT" });
}

function writeUint32(bytes: Uint8Array, offset: number, value: number): void {
  for (let index = 0; index < 4; index++) bytes[offset + index] = value >>> (24 - 8 * index);
}

function readUint32(bytes: Uint8Array, offset: number): number {
  let value = 0;
  for (let index = 0; index < 4; index++) value = value * 256 + (bytes[offset + index] as number);
  return value;
}
