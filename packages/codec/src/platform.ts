/** The few things that are fast on each platform in a way of its own: text and memory. */

/** Conversion of strings to UTF-8 and back, in which invalid input becomes U+FFFD, and memory. */
export interface CodecPlatform {
  /** Returns the text of `bytes[start..end]`. */
  decode(bytes: Uint8Array, start: number, end: number): string;
  /** Returns the number of bytes that `text` has as UTF-8. */
  byteLength(text: string): number;
  /** Writes `text`, which has `length` bytes, to `bytes` from `at` on. */
  write(text: string, bytes: Uint8Array, at: number, length: number): void;
  /** Returns `length` bytes of any content. */
  allocate(length: number): Uint8Array;
}

interface Encoder {
  encode(text: string): Uint8Array;
}

interface Decoder {
  decode(bytes: Uint8Array): string;
}

interface WithTextApi {
  readonly TextEncoder: new () => Encoder;
  readonly TextDecoder: new (label: string, options: { readonly ignoreBOM: boolean }) => Decoder;
}

/** Returns a platform that uses the Encoding API that browsers, Node, Bun and Deno share. */
export function webPlatform(): CodecPlatform {
  const { TextEncoder, TextDecoder } = globalThis as unknown as WithTextApi;
  const encoder = new TextEncoder();
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  let lastText = "";
  let lastBytes = new Uint8Array(0);
  const encoded = (text: string): Uint8Array => {
    if (text !== lastText) {
      lastText = text;
      lastBytes = encoder.encode(text) as typeof lastBytes;
    }
    return lastBytes;
  };
  return {
    decode: (bytes, start, end) => decoder.decode(bytes.subarray(start, end)),
    byteLength: (text) => encoded(text).length,
    write(text, bytes, at) {
      bytes.set(encoded(text), at);
    },
    allocate: (length) => new Uint8Array(length),
  };
}
