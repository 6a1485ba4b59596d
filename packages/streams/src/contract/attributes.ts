/**
 * Typed attributes: facts about a stream (an address, a size, its metadata) that survive wrapping.
 * After anyio's typed attributes: a key carries the type of its value, and a wrapper answers first,
 * then what it wraps.
 */

import type { SocketAddress } from "@trunkline/base";

declare const valueType: unique symbol;

/** The key of one attribute; two keys are the same only if they are the same object. */
export interface AttributeKey<T> {
  readonly name: string;
  readonly [valueType]?: T;
}

/** The attributes of one layer, as `extraAttributes` gives them. */
export type Attributes = ReadonlyMap<AttributeKey<unknown>, unknown>;

/** No attributes at all. */
export const noAttributes: Attributes = new Map();

/** Makes a key. The name is for people who read logs; it does not make two keys equal. */
export function attribute<T>(name: string): AttributeKey<T> {
  return Object.freeze({ name });
}

/** One layer's attributes over those of the layer it wraps. */
export function attributesOver(outer: Attributes, inner: Attributes): Attributes {
  if (outer.size === 0) return inner;
  if (inner.size === 0) return outer;
  return new Map([...inner, ...outer]);
}

/** How many bytes will be received from a stream in all, where that is known beforehand, as of a file. */
export const totalBytes: AttributeKey<number> = attribute("totalBytes");

/** The address of one end of a connection: an IP address and port, or the path of a Unix socket (empty for an unnamed one). */
export type { SocketAddress };

/** The other end of the connection that carries the stream. */
export const remoteAddress: AttributeKey<SocketAddress> = attribute("remoteAddress");

/** This end of the connection that carries the stream. */
export const localAddress: AttributeKey<SocketAddress> = attribute("localAddress");
