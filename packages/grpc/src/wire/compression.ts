/**
 * The compression of messages: `gzip` and `deflate`, and the ones that a channel, a client or a server is given beside
 * them.
 *
 * Small messages are compressed and decompressed at once: that is done sooner than a thread pool would begin. A message
 * that becomes larger than 32 KiB is decompressed in the background, since 300 messages of 4 KB that inflate to 4 MiB
 * would otherwise stop the event loop for two seconds. A decoder gets the size limit before it begins, so that a small
 * message that grows without end costs no more memory than the limit.
 */

import { reasonText } from "@trunkline/base";
import * as platform from "#platform";
import { GrpcError } from "./errors.js";
import { Status } from "./status.js";
import { WorkLimit } from "./work-limit.js";

/**
 * A way to compress messages, under the name that `grpc-encoding` gives it. With `node:zlib` one takes a line:
 * `{ name: "br", compress: brotliCompressSync,
 * decompress: (bytes, maxBytes) => brotliDecompressSync(bytes, { maxOutputLength: maxBytes }) }`.
 */
export interface Compression {
  /**
   * The name: lower-case letters, digits and `-_.`, and not `"identity"`. A compression named `"gzip"` or `"deflate"`
   * replaces the built-in one.
   */
  readonly name: string;
  /**
   * Compresses one message. An error that it throws fails the send with INTERNAL. A result that is not smaller is not
   * used: the message is sent as it is.
   */
  compress(message: Uint8Array): Uint8Array;
  /**
   * Decompresses one message. An error that it throws ends the call with INTERNAL; an error with the code
   * `ERR_BUFFER_TOO_LARGE`, which `node:zlib` throws, ends it with RESOURCE_EXHAUSTED.
   * @param maxBytes the largest result; stop there, since the peer may have made an endless one. Never zero
   */
  decompress(bytes: Uint8Array, maxBytes: number): Uint8Array;
  /**
   * Decompresses one large message without stopping the event loop, for example by the callback form of `node:zlib`. If
   * it is there, `decompress` is only asked for results of up to 32 KiB and must then throw `ERR_BUFFER_TOO_LARGE` for
   * larger ones. Default: `decompress` does all messages.
   */
  decompressInBackground?(bytes: Uint8Array, maxBytes: number): Promise<Uint8Array>;
}

/**
 * The compression of the messages that are sent: a name (`"identity"`, `"gzip"`, `"deflate"`, or one of
 * `acceptCompressions`), or a `Compression` itself. It works on the event loop and takes about a millisecond for 64
 * KiB: large messages are better sent in pieces, with `compress: false`, or with a `Compression` of a lower level.
 */
export type CompressionOption = Compression | "identity" | "gzip" | "deflate" | (string & {});

/** The gzip format of RFC 1952. */
const gzip: Compression = {
  name: "gzip",
  compress: platform.gzip,
  decompress: platform.gunzip,
  decompressInBackground: platform.gunzipInBackground,
};

/** The zlib format of RFC 1950. */
const deflate: Compression = {
  name: "deflate",
  compress: platform.deflate,
  decompress: platform.inflate,
  decompressInBackground: platform.inflateInBackground,
};

const identity = "identity";

/** The compressions that one side understands, by name. */
export class Compressions {
  /** The compressions that need not be given: gzip and deflate. */
  static readonly builtIn: Compressions = new Compressions([gzip, deflate]);
  readonly #byName: ReadonlyMap<string, Compression>;
  /** The value of `grpc-accept-encoding`. */
  readonly acceptEncoding: string;

  private constructor(all: Iterable<Compression>) {
    this.#byName = new Map(Array.from(all, (one) => [one.name, one]));
    this.acceptEncoding = [identity, ...this.#byName.keys()].join(",");
  }

  /** Returns these compressions and more. @throws TypeError for a value that is no `Compression` */
  with(more: readonly Compression[] = []): Compressions {
    if (!Array.isArray(more)) throw new TypeError("acceptCompressions must be a list of Compression objects");
    return more.length === 0 ? this : new Compressions([...this.#byName.values(), ...more.map(checkedCompression)]);
  }

  /** Returns the compression of that name. */
  get(name: string): Compression | undefined {
    return this.#byName.get(name);
  }

  /**
   * Returns the compression that an option names or is; undefined for `"identity"`.
   * @throws TypeError for a name that is not known, or a value that is no `Compression`
   */
  resolve(option: CompressionOption): Compression | undefined {
    if (typeof option !== "string") return checkedCompression(option);
    const found = this.#byName.get(option);
    if (found !== undefined || option === identity) return found;
    throw new TypeError(
      `compression ${JSON.stringify(option)} is not known here (${this.acceptEncoding}): give a Compression object`,
    );
  }

  /** Returns the compression of messages whose peer has named `encoding`; undefined for none. */
  ofEncoding(encoding: string | undefined): Compression | undefined {
    return encoding === undefined || encoding === identity
      ? undefined
      : (this.#byName.get(encoding) ?? this.#unknown(encoding));
  }

  /** Returns true if messages in `encoding` can be read. */
  knows(encoding: string | undefined): boolean {
    return encoding === undefined || encoding === identity || this.#byName.has(encoding);
  }

  /**
   * Makes a compression for an encoding that is not known here. A server should not have used it, but the call fails
   * only when a message really is in it.
   */
  #unknown(name: string): Compression {
    const fail = (): never => {
      const text = `message in grpc-encoding ${JSON.stringify(name)}, which is not known here (${this.acceptEncoding})`;
      throw new GrpcError(Status.INTERNAL, text);
    };
    return { name, compress: fail, decompress: fail };
  }
}

function checkedCompression(given: Compression): Compression {
  const { name, compress, decompress } = (given ?? {}) as Partial<Compression>;
  if (typeof name !== "string" || !/^[a-z0-9._-]+$/.test(name) || name === identity) {
    throw new TypeError(
      `the name of a compression must be of a-z, 0-9, "-", "_" and ".", and not "identity": ${JSON.stringify(name)}`,
    );
  }
  if (typeof compress === "function" && typeof decompress === "function") return given;
  throw new TypeError(`compression ${name} must have the functions compress and decompress`);
}

/** Returns true if the peer accepts the compression: `acceptEncoding` names it, or the peer uses it itself. */
export function accepts(
  acceptEncoding: string | undefined,
  encoding: string | undefined,
  { name }: Compression,
): boolean {
  if (encoding === name) return true;
  return acceptEncoding?.split(",").some((one) => one.trim() === name) ?? false;
}

/** Compresses a message. @returns undefined if the result would not be smaller. @throws GrpcError INTERNAL */
export function compressed(what: string, message: Uint8Array, compression: Compression): Uint8Array | undefined {
  let bytes: Uint8Array;
  try {
    bytes = compression.compress(message);
  } catch (cause) {
    throw new GrpcError(
      Status.INTERNAL,
      `${what} message could not be compressed with ${compression.name}: ${reasonText(cause)}`,
      {
        cause,
      },
    );
  }
  return bytes.length < message.length ? bytes : undefined;
}

/** The size up to which a message is decompressed at once: a tenth of a millisecond of work. */
const atOnceBytes = 32_768;
/**
 * The number of messages that are decompressed in the background at the same time: as many as Node has threads for it.
 */
const maxInBackground = 4;
const background = new WorkLimit(maxInBackground);

/** The receiver of a message that is decompressed in the background. */
export interface InflationOwner {
  /** The connection: messages of different ones are decompressed in turn. */
  readonly lane: object;
  /** False once nobody takes the message: it is not decompressed then, and the result is empty. */
  isWanted(): boolean;
  /** Returns a promise if the message may not be decompressed yet, settled when to ask again. */
  mustWait(): Promise<void> | undefined;
}

/**
 * Decompresses a message: at once if the result is small, otherwise in the background. The background gets a copy of
 * `bytes`, which may be a view of a chunk that is used again. `owner` is asked when its turn has come.
 * @throws GrpcError INTERNAL for bytes that are not in this encoding, RESOURCE_EXHAUSTED beyond `maxBytes`; a promise
 * rejects with them
 */
export function decompressed(
  what: string,
  bytes: Uint8Array,
  compression: Compression,
  maxBytes: number,
  owner?: () => InflationOwner,
): Uint8Array | Promise<Uint8Array> {
  const fail = (cause: unknown): never => {
    throw decompressionError(what, compression, maxBytes, cause);
  };
  // Zero would mean no limit to zlib.
  const most = Math.max(1, maxBytes);
  const inBackground = compression.decompressInBackground !== undefined && most > atOnceBytes;
  try {
    if (!inBackground || bytes.length <= atOnceBytes)
      return checked(compression.decompress(bytes, inBackground ? atOnceBytes : most), maxBytes);
  } catch (cause) {
    if (!inBackground || !isTooLarge(cause)) return fail(cause);
  }
  const copy = bytes.slice();
  const asked = owner?.();
  const inflate = async (): Promise<Uint8Array> => {
    if (asked?.isWanted() === false) return nothing;
    return checked((await compression.decompressInBackground?.(copy, most)) ?? nothing, maxBytes);
  };
  return background.run(asked?.lane ?? background, inflate, () => asked?.mustWait()).catch(fail);
}

const nothing = new Uint8Array(0);
const tooLarge = "ERR_BUFFER_TOO_LARGE";

/** Returns a result that keeps to the limit; a decoder that ignores it must not get around it. */
function checked(message: Uint8Array, maxBytes: number): Uint8Array {
  if (message.length <= maxBytes) return message;
  throw Object.assign(new RangeError("the result is larger than the limit"), { code: tooLarge });
}

function isTooLarge(cause: unknown): boolean {
  return (cause as { readonly code?: unknown } | null | undefined)?.code === tooLarge;
}

function decompressionError(what: string, { name }: Compression, maxBytes: number, cause: unknown): GrpcError {
  if (cause instanceof GrpcError) return cause;
  if (!isTooLarge(cause))
    return new GrpcError(Status.INTERNAL, `${what} message is not in its encoding ${name}`, { cause });
  return new GrpcError(
    Status.RESOURCE_EXHAUSTED,
    `${what} message in encoding ${name} is larger than maxReceiveMessageBytes (${maxBytes})`,
  );
}
