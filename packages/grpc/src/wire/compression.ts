/**
 * How messages are compressed: `gzip` and `deflate`, and whatever a channel, a client or a server is given beside them.
 *
 * Synchronously: the order of messages stays what it is without a queue, and small ones are done sooner than a thread pool would begin. Large ones hold up
 * the rest: gzip takes about a millisecond for 64 KiB, and inflating a tenth of that, bounded by the size limit. A decoder gets that limit before it begins, so
 * that a small message that grows without end costs no more memory than it allows.
 */

import { reasonText } from "@trunkline/base";
import * as platform from "#platform";
import { GrpcError } from "./errors.js";
import { Status } from "./status.js";

/**
 * A way to compress messages, by the name that `grpc-encoding` gives it. Those of `node:zlib` are one line each:
 * `{ name: "br", compress: brotliCompressSync, decompress: (bytes, maxBytes) => brotliDecompressSync(bytes, { maxOutputLength: maxBytes }) }`.
 */
export interface Compression {
  /** Lower-case letters, digits and `-_.`; not `"identity"`. One named `"gzip"` or `"deflate"` takes the place of what is built in. */
  readonly name: string;
  /** One message. What it throws fails the send with INTERNAL. A result that is not smaller is not used: the message is sent as it is. */
  compress(message: Uint8Array): Uint8Array;
  /**
   * The message again. What it throws ends the call with INTERNAL, an error with the code `ERR_BUFFER_TOO_LARGE` (as `node:zlib` gives it) with RESOURCE_EXHAUSTED.
   * @param maxBytes the result may not be larger; stop there, since the other side may want it to be endless. Never zero
   */
  decompress(bytes: Uint8Array, maxBytes: number): Uint8Array;
}

/**
 * What messages are sent with. It works on the event loop, about a millisecond for 64 KiB: large messages are better sent in pieces, with `compress: false`, or
 * with a `Compression` of a lower level. A name (`"identity"`, `"gzip"`, `"deflate"`, or one of `acceptCompressions`), or a `Compression` itself.
 */
export type CompressionOption = Compression | "identity" | "gzip" | "deflate" | (string & {});

/** RFC 1952. */
const gzip: Compression = {
  name: "gzip",
  compress: platform.gzip,
  decompress: platform.gunzip,
};

/** The zlib format, RFC 1950. */
const deflate: Compression = {
  name: "deflate",
  compress: platform.deflate,
  decompress: platform.inflate,
};

const identity = "identity";

/** Those that one side understands, by name. */
export class Compressions {
  static readonly builtIn: Compressions = new Compressions([gzip, deflate]);
  readonly #byName: ReadonlyMap<string, Compression>;
  /** What `grpc-accept-encoding` says. */
  readonly acceptEncoding: string;

  private constructor(all: Iterable<Compression>) {
    this.#byName = new Map(Array.from(all, (one) => [one.name, one]));
    this.acceptEncoding = [identity, ...this.#byName.keys()].join(",");
  }

  /** These and more. @throws TypeError for what is no `Compression` */
  with(more: readonly Compression[] = []): Compressions {
    if (!Array.isArray(more)) throw new TypeError("acceptCompressions must be a list of Compression objects");
    return more.length === 0 ? this : new Compressions([...this.#byName.values(), ...more.map(checkedCompression)]);
  }

  get(name: string): Compression | undefined {
    return this.#byName.get(name);
  }

  /** Undefined for `identity`. @throws TypeError for a name that is not known, or what is no `Compression` */
  resolve(option: CompressionOption): Compression | undefined {
    if (typeof option !== "string") return checkedCompression(option);
    const found = this.#byName.get(option);
    if (found !== undefined || option === identity) return found;
    throw new TypeError(
      `compression ${JSON.stringify(option)} is not known here (${this.acceptEncoding}): give a Compression object`,
    );
  }

  /** For messages in `encoding`, as a server or client has named it. */
  ofEncoding(encoding: string | undefined): Compression | undefined {
    return encoding === undefined || encoding === identity
      ? undefined
      : (this.#byName.get(encoding) ?? this.#unknown(encoding));
  }

  /** True where messages in `encoding` can be read. */
  knows(encoding: string | undefined): boolean {
    return encoding === undefined || encoding === identity || this.#byName.has(encoding);
  }

  /** Takes the place of an encoding that a server should not have used: a call fails only when a message really is in it. */
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

/** True where `acceptEncoding` names the compression, or the other side uses it itself. */
export function accepts(
  acceptEncoding: string | undefined,
  encoding: string | undefined,
  { name }: Compression,
): boolean {
  if (encoding === name) return true;
  return acceptEncoding?.split(",").some((one) => one.trim() === name) ?? false;
}

/** @returns undefined where that would not make it smaller. @throws GrpcError INTERNAL */
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

/** @throws GrpcError INTERNAL for bytes that are not in this encoding, RESOURCE_EXHAUSTED past `maxBytes` */
export function decompressed(what: string, bytes: Uint8Array, compression: Compression, maxBytes: number): Uint8Array {
  const { name } = compression;
  let message: Uint8Array | undefined;
  try {
    // Zero would mean no limit to zlib.
    message = compression.decompress(bytes, Math.max(1, maxBytes));
  } catch (cause) {
    if (cause instanceof GrpcError) throw cause;
    if ((cause as NodeJS.ErrnoException | undefined)?.code !== "ERR_BUFFER_TOO_LARGE")
      throw new GrpcError(Status.INTERNAL, `${what} message is not in its encoding ${name}`, { cause });
  }
  if (message !== undefined && message.length <= maxBytes) return message;
  throw new GrpcError(
    Status.RESOURCE_EXHAUSTED,
    `${what} message in encoding ${name} is larger than maxReceiveMessageBytes (${maxBytes})`,
  );
}
