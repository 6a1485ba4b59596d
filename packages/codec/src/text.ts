/** UTF-8, by whatever is fastest on a platform. */

/** Conversion of strings to UTF-8 and back. Invalid input never throws: it becomes U+FFFD. */
export interface TextCodec {
  /** Returns the text of `bytes[start..end]`. */
  decode(bytes: Uint8Array, start: number, end: number): string;
  /** Returns how many bytes `text` has as UTF-8. */
  byteLength(text: string): number;
  /** Writes `text`, which has `length` bytes, to `bytes` from `at` on. */
  write(text: string, bytes: Uint8Array, at: number, length: number): void;
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

/** Makes a `TextCodec` of the Encoding API that browsers, Node, Bun and Deno share. */
export function webTextCodec(): TextCodec {
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
  };
}
