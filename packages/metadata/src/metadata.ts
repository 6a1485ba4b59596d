/**
 * The ordered multi-map. It holds exactly the fields that go over the wire, in order, and decodes on reading: received
 * metadata costs nothing until it is read. Metadata that is passed on leaves as it came, except that several `-bin`
 * values joined by commas leave as one field each, without padding.
 */
import { brandKey, hasBrand, trimBlanks } from "@trunkline/base";
import { unpadded } from "./binary.js";
import { MetadataError } from "./errors.js";
import { checkedKey, isBinaryKey } from "./key.js";
import { shownRecord, shownValue } from "./shown.js";
import { type MetadataValue, typeName, userValue, type ValueOf, wireValue } from "./value.js";
import type { WireField } from "./wire-field.js";

/** The keys whose values are bytes, however their suffix is written. */
export type BinaryKey = `${string}-${"b" | "B"}${"i" | "I"}${"n" | "N"}`;

/**
 * Metadata as an object: one value or an array of values a key. The type checker refuses text under a key that ends in
 * `-bin`. Keys that it does not know, as those of a `Record<string, string>`, may end so: give such an object as pairs,
 * `Object.entries(record)`.
 */
export type MetadataRecord = {
  readonly [key: string]: MetadataValue | readonly MetadataValue[];
} & {
  readonly [key in BinaryKey]: Uint8Array | readonly Uint8Array[];
};

/**
 * The values that metadata can be made from. Objects move integer-like keys to the front, as JavaScript does; where the
 * order across keys matters, give pairs.
 */
export type MetadataInit = Metadata | Iterable<readonly [string, MetadataValue]> | MetadataRecord;

/** The key under which the prototype carries its brand, by which another copy of this package recognises metadata. */
const brand: symbol = brandKey("Metadata");

/** The key of the method that Node's `util.inspect`, and so `console.log`, calls. */
const inspectKey: symbol = Symbol.for("nodejs.util.inspect.custom");

type InspectMethod = (
  this: Metadata,
  depth: number,
  options: object,
  inspect: (value: unknown, options: object) => string,
) => string;

/**
 * Metadata of a call, a stream or a message: keys with one or more values each, in order, duplicates kept.
 *
 * Keys are case-insensitive (kept in lower case) and consist of `0-9 a-z _ . -`. A key that ends in `-bin` holds bytes
 * (`Uint8Array`, copied in and out), any other key holds text: printable ASCII without a space at either end, or the
 * empty text. Keys of gRPC, HTTP/2 and the connection are refused ({@link reservedKeyReason}).
 */
export class Metadata implements Iterable<[string, MetadataValue]> {
  /** Empty metadata, frozen. */
  static readonly empty: Metadata = new Metadata().freeze();

  static {
    Object.defineProperty(Metadata.prototype, brand, { value: true });
    // `console.log(metadata)` prints keys and values, shortened as in `toJSON()`.
    const print: InspectMethod = function (depth, options, inspect) {
      return depth < 0 ? "[Metadata]" : `Metadata ${inspect(shownRecord(this.#read()), options)}`;
    };
    Object.defineProperty(Metadata.prototype, inspectKey, { value: print });
  }

  /**
   * Returns `init` itself if it is `Metadata` already (frozen or not), else new metadata made from it.
   * @throws MetadataError for a key or value that metadata cannot hold; TypeError for anything that is no metadata
   */
  static from(init?: MetadataInit): Metadata {
    return init instanceof Metadata ? init : new Metadata(init);
  }

  /**
   * Returns frozen metadata of the fields that a peer sent. The caller has removed reserved fields. An array is taken
   * over without a copy, so do not change it afterwards. Nothing is decoded or checked here: text may hold tabs and
   * 0x80-0xFF (as Latin-1), and a `-bin` value that is not base64 fails only the reading of its key. Other properties
   * of a field, such as HPACK's "never indexed", stay with it.
   */
  static fromWire(fields: Iterable<WireField>): Metadata {
    const metadata = new Metadata();
    metadata.#fields = Array.isArray(fields) ? fields : [...fields];
    metadata.#mayBeJoined = true;
    return metadata.freeze();
  }

  #fields: WireField[] = [];
  /** True until the first reading: received bytes may be several base64 values joined by commas, which it separates. */
  #mayBeJoined = false;
  #frozen = false;

  /** @throws MetadataError for a key or value that metadata cannot hold; TypeError for anything that is no metadata */
  constructor(init?: MetadataInit) {
    if (init === undefined) return;
    if (typeof init !== "object" || init === null) throw notMetadata(init);
    if (init instanceof Metadata) {
      this.#fields = init.#read().slice();
    } else if (isForeignMetadata(init)) {
      // Its values were checked, or received, by the other copy, and go on as they are.
      this.#fields = init.toWire();
    } else if (isIterable(init)) {
      for (const pair of init) {
        if (!Array.isArray(pair)) throw notMetadata(init, `an iterable of ${typeName(pair)}`);
        this.append(pair[0], pair[1]);
      }
    } else {
      this.#appendRecord(init);
    }
  }

  /** The number of values, duplicates counted. */
  get size(): number {
    return this.#read().length;
  }

  /** True when the metadata can no longer be changed. */
  get frozen(): boolean {
    return this.#frozen;
  }

  /** Returns the first value of the key. @throws MetadataError when it is a `-bin` value that is not base64 */
  get<K extends string>(key: K): ValueOf<K> | undefined {
    const name = key.toLowerCase();
    for (const field of this.#read()) {
      if (field.name === name) return userValue(name, field.value) as ValueOf<K>;
    }
    return undefined;
  }

  /** Returns all values of the key, in order. @throws MetadataError when one is a `-bin` value that is not base64 */
  getAll<K extends string>(key: K): ValueOf<K>[] {
    const name = key.toLowerCase();
    const values: ValueOf<K>[] = [];
    for (const field of this.#read()) {
      if (field.name === name) values.push(userValue(name, field.value) as ValueOf<K>);
    }
    return values;
  }

  /** Returns true if the key has a value. */
  has(key: string): boolean {
    const name = key.toLowerCase();
    return this.#read().some((field) => field.name === name);
  }

  /**
   * Replaces all values of the key. The new values stand where the first old one stood, else at the end. An empty array
   * removes the key.
   * @throws MetadataError, and then nothing has changed
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

  /** Removes the key with all its values. Returns false if it had none. @throws MetadataError when frozen */
  delete(key: string): boolean {
    this.#checkWritable(key);
    const name = key.toLowerCase();
    const sizeBefore = this.#fields.length;
    this.#fields = this.#fields.filter((field) => field.name !== name);
    return this.#fields.length < sizeBefore;
  }

  /** Returns the distinct keys, in the order of their first values. */
  keys(): IterableIterator<string> {
    return new Set(this.#read().map((field) => field.name)).values();
  }

  /**
   * Yields all keys and values in order, as they are when the iteration begins.
   * @throws MetadataError at a `-bin` value that is not base64
   */
  *[Symbol.iterator](): IterableIterator<[string, MetadataValue]> {
    for (const field of this.#read().slice()) yield [field.name, userValue(field.name, field.value)];
  }

  /** Returns the fields to send, in order. Bytes are base64 without padding. The array belongs to the caller. */
  toWire(): WireField[] {
    return this.#read().slice();
  }

  /**
   * Returns new metadata, not frozen, in which each key of `over` has the values of `over`; a key that both have keeps
   * its place.
   * @throws MetadataError for a key or value in `over` that metadata cannot hold
   */
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

  /** Returns a copy that can be changed. */
  clone(): Metadata {
    return new Metadata(this);
  }

  /** Refuses every change from now on. */
  freeze(): this {
    this.#frozen = true;
    return this;
  }

  /**
   * Returns pairs of key and value for a log, in order. Bytes are base64. Credentials (`authorization`, cookies) and
   * bytes beyond 18 are shortened; `toWire()` has them whole.
   */
  toJSON(): [string, string][] {
    return this.#read().map((field) => [field.name, shownValue(field)]);
  }

  #read(): WireField[] {
    if (this.#mayBeJoined) {
      this.#mayBeJoined = false;
      if (this.#fields.some(mayBeSeparated)) this.#fields = this.#fields.flatMap(separated);
    }
    return this.#fields;
  }

  #appendRecord(record: MetadataRecord): void {
    const prototype: unknown = Object.getPrototypeOf(record);
    // An object of another realm has that realm's `Object.prototype`, above which there is nothing either.
    if (prototype !== null && Object.getPrototypeOf(prototype) !== null) throw notMetadata(record);
    for (const key of Object.keys(record)) {
      const value = record[key] as MetadataValue | readonly MetadataValue[];
      if (Array.isArray(value)) for (const one of value) this.append(key, one);
      else this.append(key, value as MetadataValue);
    }
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

/**
 * Returns true for a received field that may hold several values, or padding. Most fields hold one value without it.
 */
function mayBeSeparated({ name, value }: WireField): boolean {
  return isBinaryKey(name) && (value.includes(",") || value.endsWith("="));
}

/** Returns the values of one received field, one field each and without padding. Only bytes can be several. */
function separated(field: WireField): WireField | WireField[] {
  const { name, value } = field;
  if (!isBinaryKey(name)) return field;
  if (!value.includes(",")) return { ...field, value: unpadded(value) };
  // RFC 9110 §5.6.1 allows white space around the commas of a list.
  return value.split(",").map((part) => ({ ...field, value: unpadded(trimBlanks(part)) }));
}

/** Returns true for metadata that another installed copy of this package has made; `instanceof` is false for it. */
function isForeignMetadata(init: object): init is { toWire(): WireField[] } {
  return hasBrand(init, brand);
}

function isIterable(init: object): init is Iterable<readonly [string, MetadataValue]> {
  return Symbol.iterator in init;
}

function notMetadata(init: unknown, what: string = describe(init)): TypeError {
  return new TypeError(`metadata is made from an object, pairs or other metadata, not from ${what}`);
}

function describe(init: unknown): string {
  if (typeof init !== "object" || init === null) return typeName(init);
  const name: unknown = init.constructor?.name;
  if (name === "Promise") return "a promise: await it first";
  return typeof name === "string" && name !== "" ? `an instance of ${name}` : "such an object";
}
