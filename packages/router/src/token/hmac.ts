/**
 * HMAC (RFC 2104) over hashes at one go: `createHmac` makes an object outside of V8's heap for each signature, which
 * takes twice as long and has to be collected.
 */
import { Buffer } from "node:buffer";
import { hash } from "node:crypto";

/** The block of a hash in bytes, and the length of what it gives. */
const sizes = {
  sha256: { block: 64, output: 32 },
  sha384: { block: 128, output: 48 },
  sha512: { block: 128, output: 64 },
} as const;

export type HmacHash = keyof typeof sizes;

/** The longest text that fits the memory which is kept for it; longer ones get memory of their own. */
const keptTextChars = 2_048;

/** A key, as it is prepared for all signatures. */
export class HmacKey {
  readonly #hash: HmacHash;
  readonly #block: number;
  /** The key for the inner hash, with room for the text behind it. */
  readonly #inner: Buffer;
  /** The key for the outer hash, with room for the inner hash behind it. */
  readonly #outer: Buffer;

  constructor(name: HmacHash, secret: Uint8Array) {
    const { block, output } = sizes[name];
    this.#hash = name;
    this.#block = block;
    const key = secret.length > block ? hash(name, secret, "buffer") : secret;
    this.#inner = Buffer.alloc(block + keptTextChars);
    this.#outer = Buffer.alloc(block + output);
    for (let index = 0; index < block; index++) {
      const octet = key[index] ?? 0;
      this.#inner[index] = octet ^ 0x36;
      this.#outer[index] = octet ^ 0x5c;
    }
  }

  /** Returns the signature of a text of ASCII, in base64url. */
  sign(text: string): string {
    const block = this.#block;
    const end = block + text.length;
    const inner = text.length <= keptTextChars ? this.#inner : Buffer.concat([this.#inner.subarray(0, block)], end);
    inner.write(text, block, "latin1");
    this.#outer.write(hash(this.#hash, inner.subarray(0, end), "binary"), block, "binary");
    return hash(this.#hash, this.#outer, "base64url");
  }
}
