/**
 * The inline envelope: messages with metadata over any stream of bytes. Both ends have to choose it.
 *
 * Each direction is frames and an end; the first byte of each has the version (1) in its upper half. Numbers are big-endian:
 *
 * ```text
 * message    11, u32 length of the fields, u32 length of the data, fields, data
 * end        12
 * field      u8 length of the key, key, u32 length of the value, value
 * ```
 *
 * Keys and values are the octets of a header field on the wire: a `-bin` value is base64. The end is written so that a way that cuts
 * off looks different from a peer that has finished. Another version is refused: there is nothing that both could read.
 */
import { Metadata, reservedKeyReason, type WireField } from "@trunkline/metadata";
import { ByteQueue } from "../bytes/byte-queue.js";
import { readLatin1, writeLatin1 } from "../bytes/latin1.js";
import { BrokenStreamError, MetadataNotCarriedError } from "../contract/errors.js";
import type { ObjectStream, ReceivedMessage, SendOptions } from "../contract/stream.js";
import { TranslatedStream, unlessOver } from "../kit/translated-stream.js";

export interface EnvelopeOptions {
  /** The longest data of one message, in either direction. Default 4 MiB, as of a gRPC message. */
  readonly maxMessageBytes?: number;
  /** The longest metadata of one message as it is written, in either direction. Default 16 KiB, as HTTP servers allow for a header. */
  readonly maxMetadataBytes?: number;
}

const version = 1;
const messageByte = 0x11;
const endByte = 0x12;
const headBytes = 9;

/**
 * Carries metadata, and the boundaries of messages, over a stream of bytes that carries neither: a socket, a gRPC call whose messages
 * are bytes. An empty message is one.
 *
 * `send` rejects with a RangeError for data longer than `maxMessageBytes`, and with `MetadataNotCarriedError` for metadata longer than
 * `maxMetadataBytes`. `receive` rejects with a `BrokenStreamError` of code `MESSAGE_TOO_LARGE`, `TRUNCATED_INPUT` or `CORRUPT_INPUT`.
 * @throws RangeError when a limit is not a whole number from 1 to 4,294,967,295
 */
export function enveloped(stream: ObjectStream<Uint8Array>, options: EnvelopeOptions = {}): ObjectStream<Uint8Array> {
  return new EnvelopedStream(stream, options);
}

class EnvelopedStream extends TranslatedStream<Uint8Array, Uint8Array, Uint8Array, Uint8Array> {
  readonly #maxMessageBytes: number;
  readonly #maxMetadataBytes: number;
  readonly #bytes: ByteQueue = new ByteQueue();
  #endReceived = false;

  constructor(stream: ObjectStream<Uint8Array>, options: EnvelopeOptions) {
    super(stream);
    this.#maxMessageBytes = limit("maxMessageBytes", options.maxMessageBytes ?? 4 * 1024 * 1024);
    this.#maxMetadataBytes = limit("maxMetadataBytes", options.maxMetadataBytes ?? 16 * 1024);
  }

  override get carriesMetadata(): boolean {
    return true;
  }

  async send(data: Uint8Array, options?: SendOptions): Promise<void> {
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
    const first = bytes.peek(1)[0] as number;
    if (first === endByte) {
      bytes.take(1);
      this.#endReceived = true;
      return this.#decode();
    }
    if (first >>> 4 !== version)
      throw corrupt(
        `byte 0x${first.toString(16)} begins no frame of version ${version}; the other side has to choose the envelope too`,
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
    bytes.take(headBytes);
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
          `metadata key of ${name.length} bytes is longer than an envelope can say (255)`,
        );
    }
    return fields;
  }
}

function messageFrame(data: Uint8Array, fields: readonly WireField[]): Uint8Array {
  const length = fieldsLength(fields);
  const frame = new Uint8Array(headBytes + length + data.length);
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
    fields.push(
      decodeField(readLatin1(bytes.subarray(offset + 1, keyEnd)), readLatin1(bytes.subarray(valueStart, valueEnd))),
    );
    offset = valueEnd;
  }
  return Metadata.fromWire(fields);
}

/** What comes is checked as HTTP/2 would check it, since it may go on as header fields of a call. */
function decodeField(name: string, value: string): WireField {
  if (!/^[0-9a-z_.-]+$/.test(name))
    throw corrupt(`field ${JSON.stringify(name.slice(0, 64))} has no name that metadata could have`);
  const reason = reservedKeyReason(name);
  if (reason !== undefined) throw corrupt(`field "${name}" is reserved: ${reason}`);
  if (!/^(?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?$/.test(value)) {
    throw corrupt(`the value of field "${name}" has octets that a header field cannot have`);
  }
  return { name, value };
}

function corrupt(what: string): BrokenStreamError {
  return new BrokenStreamError(`what arrives is no envelope: ${what}`, { code: "CORRUPT_INPUT" });
}

function writeUint32(bytes: Uint8Array, offset: number, value: number): void {
  for (let index = 0; index < 4; index++) bytes[offset + index] = value >>> (24 - 8 * index);
}

function readUint32(bytes: Uint8Array, offset: number): number {
  let value = 0;
  for (let index = 0; index < 4; index++) value = value * 256 + (bytes[offset + index] as number);
  return value;
}

function limit(name: string, value: number): number {
  if (!Number.isInteger(value) || value < 1 || value > 0xffff_ffff) {
    throw new RangeError(`${name} must be a whole number from 1 to 4,294,967,295, but is ${value}`);
  }
  return value;
}
