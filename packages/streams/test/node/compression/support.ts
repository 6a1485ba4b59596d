import { type CompressionCodec, type CompressionOptions, compressed, memoryPair } from "../../../src/index.js";

/** Returns the output of `codec` for the pieces and the end. */
export async function encode(codec: CompressionCodec, pieces: readonly Uint8Array[]): Promise<Buffer> {
  const [from, to] = memoryPair<Uint8Array>();
  const sender = compressed(from, { send: codec });
  const sending = (async () => {
    for (const piece of pieces) await sender.send(piece);
    await sender.sendEof();
  })();
  sending.catch(() => {}); // awaited below
  const chunks: Uint8Array[] = [];
  for await (const chunk of to) chunks.push(chunk);
  await sending;
  return Buffer.concat(chunks);
}

/** Returns the decompressed chunks, up to the end. */
export async function decode(
  receive: CompressionCodec | readonly CompressionCodec[],
  chunks: readonly Uint8Array[],
  options: CompressionOptions = {},
): Promise<Buffer> {
  const [from, to] = memoryPair<Uint8Array>();
  const receiver = compressed(to, { ...options, receive });
  const sending = (async () => {
    for (const chunk of chunks) await from.send(chunk);
    await from.sendEof();
  })();
  sending.catch(() => {}); // the receiver aborts when it has seen enough
  const pieces: Uint8Array[] = [];
  for await (const piece of receiver) pieces.push(piece);
  await sending;
  return Buffer.concat(pieces);
}

export async function failure(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error("it did not fail");
}

/** Returns noise that is the same in every run. */
export function randomBytes(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = 1;
  for (let index = 0; index < length; index++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[index] = state >>> 24;
  }
  return bytes;
}
