/**
 * The ordered multi-map. It holds exactly the fields that go over the wire, in order, and decodes on read: so
 * received metadata costs nothing until somebody looks, and what passes through unread leaves as it came.
 */
import { unpadded } from "./binary.js";
import { MetadataError } from "./errors.js";
import { checkedKey, isBinaryKey } from "./key.js";
import { type MetadataValue, userValue, type ValueOf, wireValue } from "./value.js";

/** A header field as HTTP/2 carries it: the name in lower case, one octet of the value a character. */
export interface WireField {
  readonly name: string;
  readonly value: string;
}

/**
 * What metadata is made from. Objects move integer-like keys to the front, as JavaScript does; where order across
 * keys matters, give pairs.
 */
export type MetadataInit =
  | Metadata
  | Iterable<readonly [string, MetadataValue]>
  | Readonly<Record<string, MetadataValue | readonly MetadataValue[]>>;

/**
 * Metadata of a call, a stream or a message: keys with one or more values each, in order, duplicates kept.
 *
 * Keys are case-insensitive (kept in lower case) and consist of `0-9 a-z _ . -`. A key that ends in `-bin` holds bytes
 * (`Uint8Array`, copied in and out), any other one text: printable ASCII without a space at either end, or empty. Keys of
 * gRPC, HTTP/2 and the connection are refused ({@link reservedKeyReason}).
 */
export class Metadata implements Iterable<[string, MetadataValue]> {
  /** No metadata at all; frozen. */
  static readonly empty: Metadata = new Metadata().freeze();

  /** `init` itself if it is `Metadata` already (frozen or not), else new metadata made from it. @throws MetadataError */
  static from(init?: MetadataInit): Metadata {
    return init instanceof Metadata ? init : new Metadata(init);
  }

  /**
   * Frozen metadata of the fields that a peer sent, reserved ones taken out. An array is taken over, not copied, so do
   * not change it afterwards. Nothing is decoded or checked here: text may hold tabs and 0x80-0xFF (as Latin-1), and a `-bin`
   * value that is not base64 fails only the reading of its key. What else a field has (HPACK's "never indexed") stays with it.
   */
  static fromWire(fields: Iterable<WireField>): Metadata {
    const metadata = new Metadata();
    metadata.#fields = Array.isArray(fields) ? fields : [...fields];
    metadata.#mayBeJoined = true;
    return metadata.freeze();
  }

  #fields: WireField[] = [];
  /** Received bytes may be several base64 values joined by commas; they are taken apart at the first look. */
  #mayBeJoined = false;
  #frozen = false;

  /** @throws MetadataError for a key or value that metadata cannot hold */
  constructor(init?: MetadataInit) {
    if (init === undefined) return;
    if (typeof init !== "object" || init === null) {
      throw new TypeError(
        `metadata is made from an object, pairs or other metadata, not from ${init === null ? "null" : typeof init}`,
      );
    }
    if (init instanceof Metadata) {
      this.#fields = init.#read().slice();
    } else if (isIterable(init)) {
      for (const [key, value] of init) this.append(key, value);
    } else {
      const record = init as Readonly<Record<string, MetadataValue | readonly MetadataValue[]>>;
      for (const key of Object.keys(record)) {
        const value = record[key] as MetadataValue | readonly MetadataValue[];
        if (Array.isArray(value)) for (const one of value) this.append(key, one);
        else this.append(key, value as MetadataValue);
      }
    }
  }

  /** How many values there are, duplicates counted. */
  get size(): number {
    return this.#read().length;
  }

  /** True when it can no longer be changed. */
  get frozen(): boolean {
    return this.#frozen;
  }

  /** The first value of the key. @throws MetadataError when it is a `-bin` value that is not base64 */
  get<K extends string>(key: K): ValueOf<K> | undefined {
    const name = key.toLowerCase();
    for (const field of this.#read()) {
      if (field.name === name) return userValue(name, field.value) as ValueOf<K>;
    }
    return undefined;
  }

  /** All values of the key, in order. @throws MetadataError when one is a `-bin` value that is not base64 */
  getAll<K extends string>(key: K): ValueOf<K>[] {
    const name = key.toLowerCase();
    const values: ValueOf<K>[] = [];
    for (const field of this.#read()) {
      if (field.name === name) values.push(userValue(name, field.value) as ValueOf<K>);
    }
    return values;
  }

  /** True if the key has a value. */
  has(key: string): boolean {
    const name = key.toLowerCase();
    return this.#read().some((field) => field.name === name);
  }

  /**
   * Replaces all values of the key; the new ones stand where the first old one stood, else at the end. An empty array removes
   * the key. @throws MetadataError, and then nothing has changed
   */
  set<K extends string>(key: K, value: ValueOf<K> | readonly ValueOf<K>[]): this {
    const name = this.#writableKey(key);
    const values: readonly MetadataValue[] = Array.isArray(value) ? value : [value];
    this.#replace(
      name,
      values.map((one) => ({ name, value: wireValue(name, one) })),
    );
    return this;
  }

  /** Adds one value at the end. @throws MetadataError, and then nothing has changed */
  append<K extends string>(key: K, value: ValueOf<K>): this {
    const name = this.#writableKey(key);
    this.#fields.push({ name, value: wireValue(name, value) });
    return this;
  }

  /** Removes the key; false if it was not there. @throws MetadataError when frozen */
  delete(key: string): boolean {
    this.#checkWritable(key);
    const name = key.toLowerCase();
    const sizeBefore = this.#fields.length;
    this.#fields = this.#fields.filter((field) => field.name !== name);
    return this.#fields.length < sizeBefore;
  }

  /** The distinct keys, in the order of their first values. */
  keys(): IterableIterator<string> {
    return new Set(this.#read().map((field) => field.name)).values();
  }

  /** All keys and values in order, as they are when the iteration begins. @throws MetadataError at a `-bin` value that is not base64 */
  *[Symbol.iterator](): IterableIterator<[string, MetadataValue]> {
    for (const field of this.#read().slice()) yield [field.name, userValue(field.name, field.value)];
  }

  /** The fields to send, in order; bytes are base64 without padding. The array is yours. */
  toWire(): WireField[] {
    return this.#read().slice();
  }

  /** New metadata, not frozen, in which each key of `over` has the values of `over`, in place where it was here already. @throws MetadataError */
  merge(over: MetadataInit): Metadata {
    const merged = this.clone();
    const fields = Metadata.from(over).#read();
    for (const name of new Set(fields.map((field) => field.name))) {
      merged.#replace(
        name,
        fields.filter((field) => field.name === name),
      );
    }
    return merged;
  }

  /** A copy that can be changed. */
  clone(): Metadata {
    return new Metadata(this);
  }

  /** Refuses every change from now on. */
  freeze(): this {
    this.#frozen = true;
    return this;
  }

  /** Pairs of key and value, bytes as base64. */
  toJSON(): [string, string][] {
    return this.#read().map((field) => [field.name, field.value]);
  }

  #read(): WireField[] {
    if (this.#mayBeJoined) {
      this.#mayBeJoined = false;
      if (this.#fields.some(mayBeSeparated)) this.#fields = this.#fields.flatMap(separated);
    }
    return this.#fields;
  }

  #replace(name: string, replacement: readonly WireField[]): void {
    const first = this.#fields.findIndex((field) => field.name === name);
    if (first === -1) {
      this.#fields.push(...replacement);
    } else {
      const rest = this.#fields.slice(first).filter((field) => field.name !== name);
      this.#fields = [...this.#fields.slice(0, first), ...replacement, ...rest];
    }
  }

  #writableKey(key: string): string {
    this.#checkWritable(key);
    return checkedKey(key);
  }

  #checkWritable(key: string): void {
    if (this.#frozen) {
      const message = `metadata key "${key}" cannot be changed: this metadata is frozen; change a clone() of it`;
      throw new MetadataError(message, { key, code: "METADATA_FROZEN" });
    }
  }
}

/** Most bytes come alone and without padding: then there is nothing to do. */
function mayBeSeparated({ name, value }: WireField): boolean {
  return isBinaryKey(name) && (value.includes(",") || value.endsWith("="));
}

/** The values of one received field, which for bytes may be several: one field each, without padding. */
function separated(field: WireField): WireField | WireField[] {
  const { name, value } = field;
  if (!isBinaryKey(name)) return field;
  if (!value.includes(",")) return { ...field, value: unpadded(value) };
  // RFC 9110 §5.6.1 allows white space around the commas of a list.
  return value.split(",").map((part) => ({ ...field, value: unpadded(part.replace(/^[ \t]+|[ \t]+$/g, "")) }));
}

function isIterable(init: object): init is Iterable<readonly [string, MetadataValue]> {
  return Symbol.iterator in init;
}
