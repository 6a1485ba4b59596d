/** Metadata with the methods that handlers and callers in Nest know: those of grpc-js, where `get` gives all values. */
import { Buffer } from "node:buffer";
import { Metadata, type MetadataInit } from "@trunkline/metadata";

/** A value of metadata: text, or a `Buffer` under a key that ends in `-bin`. */
export type GrpcMetadataValue = string | Buffer;

/**
 * Metadata of a call, as grpc-js has it. The proxy and the strategy take and give this class; metadata of grpc-js
 * itself is taken too. Keys and values are checked as by `Metadata` of `@trunkline/metadata`.
 */
export class GrpcMetadata {
  readonly #metadata: Metadata;

  /** @throws MetadataError for a key or value that metadata cannot hold */
  constructor(init?: MetadataInit) {
    this.#metadata = new Metadata(init);
  }

  /** Sets the one value of a key. */
  set(key: string, value: GrpcMetadataValue): void {
    this.#metadata.set(key, value as string);
  }

  /** Adds a value to a key. */
  add(key: string, value: GrpcMetadataValue): void {
    this.#metadata.append(key, value as string);
  }

  /** Removes all values of a key. */
  remove(key: string): void {
    this.#metadata.delete(key);
  }

  /** Returns all values of a key, in their order. The list is empty if there are none. */
  get(key: string): GrpcMetadataValue[] {
    return this.#metadata.getAll(key).map(shown);
  }

  /** Returns the first value of each key. */
  getMap(): Record<string, GrpcMetadataValue> {
    return Object.fromEntries(Array.from(this.keys(), (key) => [key, this.get(key)[0] as GrpcMetadataValue]));
  }

  /** Returns the keys, each once. */
  keys(): string[] {
    return [...new Set(this.#metadata.keys())];
  }

  /** Returns a copy. */
  clone(): GrpcMetadata {
    return new GrpcMetadata(this.#metadata);
  }

  /** Adds all values of `other`. */
  merge(other: GrpcMetadata): void {
    for (const [key, value] of other.#metadata) this.#metadata.append(key, value as string);
  }

  /** Returns all values by their keys. */
  toJSON(): Record<string, GrpcMetadataValue[]> {
    return Object.fromEntries(this.keys().map((key) => [key, this.get(key)]));
  }
}

function shown(value: string | Uint8Array): GrpcMetadataValue {
  return typeof value === "string" ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}

/**
 * Returns metadata to send of what a caller or handler gave: `GrpcMetadata`, metadata of grpc-js, or anything that
 * `Metadata` is made of. @throws TypeError or MetadataError for what cannot be sent
 */
export function toMetadata(given: unknown): Metadata {
  if (given === undefined || given === null) return Metadata.empty;
  if (given instanceof Metadata || !isGrpcJsMetadata(given)) return Metadata.from(given as MetadataInit);
  return new Metadata(given.toJSON() as MetadataInit);
}

/** Recognises metadata of grpc-js, of any copy of it, by what it can do. */
export function isGrpcJsMetadata(given: unknown): given is { toJSON(): Record<string, GrpcMetadataValue[]> } {
  const { toJSON, getMap } = Object(given) as { toJSON?: unknown; getMap?: unknown };
  return typeof toJSON === "function" && typeof getMap === "function";
}
