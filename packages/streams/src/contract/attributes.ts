/**
 * Typed attributes: facts about a stream (an address, a size, its metadata) that are found through all its layers, as
 * anyio's typed attributes are. A key carries the type of its value. A wrapper answers first, then the stream that it
 * wraps.
 */
import type { SocketAddress } from "@trunkline/base";

declare const valueType: unique symbol;

/** The key of one attribute. Two keys are equal only if they are the same object. */
export interface AttributeKey<T> {
  readonly name: string;
  readonly [valueType]?: T;
}

/** A set of attributes, as `extraAttributes` returns it. */
export type Attributes = ReadonlyMap<AttributeKey<unknown>, unknown>;

/** The empty set of attributes. */
export const noAttributes: Attributes = new Map();

/** Makes a key that differs from every other one. The name is for people who read logs. */
export function attribute<T>(name: string): AttributeKey<T> {
  return Object.freeze({ name });
}

/** The place where all copies of this package keep the keys that they share. */
const sharedKeys = Symbol.for("trunkline.attributes");

/**
 * Returns the key of an attribute that a package publishes: the same object in every installed copy of the package, so
 * that a stream of one copy is understood by a layer of another.
 * @param owner the name of the package, which keeps equal names of two packages apart
 */
export function sharedAttribute<T>(owner: string, name: string): AttributeKey<T> {
  const holder = globalThis as { [sharedKeys]?: Map<string, AttributeKey<unknown>> };
  holder[sharedKeys] ??= new Map();
  const id = `${owner}/${name}`;
  const known = holder[sharedKeys].get(id);
  if (known !== undefined) return known as AttributeKey<T>;
  const key = attribute<T>(name);
  holder[sharedKeys].set(id, key);
  return key;
}

/**
 * Returns the attributes of a layer together with those of the layer that it wraps; the outer ones count where both
 * have one.
 */
export function attributesOver(outer: Attributes, inner: Attributes): Attributes {
  if (outer.size === 0) return inner;
  if (inner.size === 0) return outer;
  return new Map([...inner, ...outer]);
}

const owner = "@trunkline/streams";

/** The number of bytes that will be received from a stream in all, where it is known beforehand, as of a file. */
export const totalBytes: AttributeKey<number> = sharedAttribute(owner, "totalBytes");

/**
 * The address of one end of a connection: an IP address and port, or the path of a Unix socket (empty for an unnamed
 * one).
 */
export type { SocketAddress };

/** The address of the other end of the connection that carries the stream. */
export const remoteAddress: AttributeKey<SocketAddress> = sharedAttribute(owner, "remoteAddress");

/** The address of this end of the connection that carries the stream. */
export const localAddress: AttributeKey<SocketAddress> = sharedAttribute(owner, "localAddress");
