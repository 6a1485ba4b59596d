/**
 * Hostile input to every decoder, fresh in each run: a moment each here, longer with FUZZ_SECONDS. The invariant is
 * one: the end, or a `BrokenStreamError` with a documented code, whatever way the input is cut, and never more than the
 * limit.
 */
import { Buffer } from "node:buffer";
import { describe, expect, test } from "vitest";
import {
  BrokenStreamError,
  bzip2,
  type CompressionCodec,
  Crc32,
  compressed,
  enveloped,
  identity,
  lengthPrefixed,
  lines,
  memoryPair,
  type ObjectStream,
} from "../../src/index.js";
import { brotli, deflate, detectable, gzip, text, xz, zstd } from "../../src/node/index.js";
import { encode } from "../node/compression/support.js";
import { rechunked } from "../support/rechunked.js";

type Bytes = ObjectStream<Uint8Array>;

const seconds = Number(process.env["FUZZ_SECONDS"] ?? 1);
const maxOutputBytes = 64 * 1024;
const codes = /^(CORRUPT_INPUT|TRUNCATED_INPUT|TRAILING_GARBAGE|DECOMPRESSED_TOO_LARGE|MESSAGE_TOO_LARGE)$/;

interface Decoder {
  readonly name: string;
  readonly valid: readonly Uint8Array[];
  decode(stream: Bytes): AsyncIterable<Uint8Array | string>;
}

async function framed(wrap: (stream: Bytes) => Bytes, messages: readonly string[]): Promise<Uint8Array> {
  const [from, to] = memoryPair<Uint8Array>();
  const sender = wrap(from);
  for (const message of messages) {
    await sender.send(
      Buffer.from(message),
      wrap === envelope ? { metadata: { tag: message, "b-bin": Buffer.from("x") } } : {},
    );
  }
  await sender.sendEof();
  const chunks: Uint8Array[] = [];
  for await (const chunk of to) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const envelope = (stream: Bytes): Bytes => enveloped(stream, { maxMessageBytes: 1_000 });
const short = (stream: Bytes): Bytes => lengthPrefixed(stream, { prefixBytes: 2, maxMessageBytes: 1_000 });
const rows = (stream: Bytes): Bytes => lines(stream, { maxLineBytes: 1_000 });

async function compression(codec: CompressionCodec): Promise<Decoder[]> {
  let valid: Uint8Array[];
  try {
    const samples = [
      "",
      "hello",
      "hello ".repeat(200),
      Array.from({ length: 300 }, (_, index) => index * index).join(","),
    ];
    valid = await Promise.all(samples.map((sample) => encode(codec, [Buffer.from(sample)])));
    valid.push(Buffer.concat(valid));
    valid.push(await encode(codec, [Buffer.alloc(4 * maxOutputBytes)]));
  } catch (error) {
    if (error instanceof Error && error.message.includes("npm install")) return []; // an engine that is not here
    throw error;
  }
  const decode = (stream: Bytes): Bytes => compressed(stream, { receive: codec, maxDecompressedBytes: maxOutputBytes });
  return [{ name: codec.name, valid, decode }];
}

const formats = [gzip(), deflate(), brotli(), bzip2({ level: 1 }), xz({ level: 1 }), zstd({ level: 1 })];
const compressions = (await Promise.all(formats.map(compression))).flat();
const here = new Set(compressions.map(({ name }) => name));
const decoders: readonly Decoder[] = [
  { name: "envelope", valid: [await framed(envelope, ["one", "", "two"])], decode: envelope },
  { name: "length prefixes", valid: [await framed(short, ["one", "", "two"])], decode: short },
  { name: "lines", valid: [Buffer.from("one\r\n\ntwo\nthree")], decode: rows },
  { name: "text", valid: [Buffer.from("grüße, 世界 🙂")], decode: (stream) => text(stream) },
  ...compressions,
  {
    name: "detection",
    valid: compressions.flatMap(({ valid }) => valid),
    decode: (stream) =>
      compressed(stream, {
        receive: detectable().filter(({ name }) => here.has(name)),
        send: identity,
        maxDecompressedBytes: maxOutputBytes,
      }),
  },
];

/** Returns a small, fast random generator. */
class Random {
  #state: number;
  constructor(seed: number) {
    this.#state = seed;
  }
  below(limit: number): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((this.#state / 2 ** 32) * limit);
  }
}

function hostile(random: Random, valid: readonly Uint8Array[]): Buffer {
  if (random.below(8) === 0) return Buffer.from(Array.from({ length: random.below(60) }, () => random.below(256)));
  let input = Buffer.from(valid[random.below(valid.length)] as Uint8Array);
  for (let changes = random.below(4); changes > 0; changes--) {
    const at = random.below(input.length + 1);
    const kind = random.below(6);
    if (kind === 0) input = input.subarray(0, at);
    else if (kind === 1)
      input = Buffer.concat([input.subarray(0, at), Buffer.of(random.below(256)), input.subarray(at)]);
    else if (kind === 2) input = Buffer.concat([input, valid[random.below(valid.length)] as Uint8Array]);
    else if (kind === 3) input = Buffer.concat([input.subarray(0, at), input.subarray(random.below(input.length + 1))]);
    else if (at < input.length)
      input[at] = kind === 4 ? random.below(256) : (input[at] as number) ^ (1 << random.below(8));
  }
  return input;
}

/** Returns the output and the way in which it ended. */
async function outcome(decode: Decoder["decode"], stream: Bytes): Promise<string> {
  const crc = new Crc32();
  let length = 0;
  try {
    for await (const piece of decode(stream)) {
      const bytes = typeof piece === "string" ? Buffer.from(piece) : piece;
      length += bytes.length;
      crc.update(bytes);
    }
    return `${crc.value}, the end after ${length}`;
  } catch (error) {
    expect(error).toBeInstanceOf(BrokenStreamError);
    expect((error as BrokenStreamError).code).toMatch(codes);
    return (error as BrokenStreamError).code;
  } finally {
    expect(length).toBeLessThanOrEqual(maxOutputBytes);
  }
}

describe("hostile input", () => {
  test.each(decoders.map((decoder) => [decoder.name, decoder] as const))(
    "to %s is an end or a documented error, however it is cut",
    async (_, decoder) => {
      const seed = Date.now() & 0xffffff;
      const random = new Random(seed);
      const until = performance.now() + (seconds * 1_000) / decoders.length;
      for (let run = 0; performance.now() < until; run++) {
        const input = hostile(random, decoder.valid);
        const feed = async (): Promise<Bytes> => {
          const [from, to] = memoryPair<Uint8Array>();
          await from.send(new Uint8Array(input));
          await from.sendEof();
          return to;
        };
        try {
          const whole = await outcome(decoder.decode, await feed());
          const cut = await outcome(decoder.decode, rechunked(await feed(), 1 + run, 1 + random.below(100)));
          // What is at fault may be found at another place, but right is right.
          expect(cut.includes("the end after")).toBe(whole.includes("the end after"));
          if (whole.includes("the end after")) expect(cut).toBe(whole);
        } catch (error) {
          throw new Error(`seed ${seed}, run ${run}, input ${input.toString("base64")}`, { cause: error });
        }
      }
    },
    seconds * 1_000 + 20_000,
  );
});
