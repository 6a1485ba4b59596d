/**
 * Message encodings: `identity` is what is sent; `gzip` and `deflate` are understood when they come. A decoder gets the
 * limit before it begins, so that a small message that grows without end costs no more than that.
 */
import { gunzipSync, inflateSync } from "node:zlib";
import { GrpcError } from "./errors.js";
import { Status } from "./status.js";

export interface MessageEncoding {
  readonly name: string;
  /** @throws GrpcError INTERNAL for bytes that are not in this encoding, RESOURCE_EXHAUSTED past `maxBytes` */
  decode(bytes: Uint8Array, maxBytes: number): Uint8Array;
}

const encodings: ReadonlyMap<string, MessageEncoding> = new Map(
  [
    { name: "gzip", inflate: gunzipSync },
    { name: "deflate", inflate: inflateSync },
  ].map(({ name, inflate }) => [
    name,
    {
      name,
      decode(bytes: Uint8Array, maxBytes: number): Uint8Array {
        try {
          // Zero would mean no limit to zlib.
          const decoded = inflate(bytes, { maxOutputLength: Math.max(1, maxBytes) });
          if (decoded.length > maxBytes) throw tooLarge(name, maxBytes);
          return decoded;
        } catch (cause) {
          if (cause instanceof GrpcError) throw cause;
          if ((cause as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") throw tooLarge(name, maxBytes);
          throw new GrpcError(Status.INTERNAL, `message is not in its encoding ${name}`, { cause });
        }
      },
    },
  ]),
);

/** What `grpc-accept-encoding` says. */
export const acceptedEncodings: string = ["identity", ...encodings.keys()].join(",");

export const identity = "identity";

/** `undefined` for a name that is not known here. `identity` has no decoder: its messages are never compressed. */
export function messageEncoding(name: string): MessageEncoding | undefined {
  return encodings.get(name);
}

/** Takes the place of an encoding that a server should not have used: a call fails only when a message really is in it. */
export function unknownEncoding(name: string): MessageEncoding {
  return {
    name,
    decode() {
      throw new GrpcError(
        Status.INTERNAL,
        `message in grpc-encoding ${JSON.stringify(name)}, which is not known here (${acceptedEncodings})`,
      );
    },
  };
}

function tooLarge(name: string, maxBytes: number): GrpcError {
  return new GrpcError(Status.RESOURCE_EXHAUSTED, `message in encoding ${name} is larger than maxReceiveMessageBytes (${maxBytes})`);
}
