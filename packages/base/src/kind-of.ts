/**
 * Recognises values whatever realm or copy of a package they come from: `instanceof` is false for a `Uint8Array` of
 * another realm (Jest, jsdom, `node:vm`) and for an error of a second installed copy of this package.
 */

// The accessor reads an internal slot: it answers for arrays of every realm, and cannot be imitated by a property.
const typedArrayName = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype) as object,
  Symbol.toStringTag,
)?.get as (this: unknown) => string | undefined;

/** Returns true for a `Uint8Array` of any realm; Node's `Buffer` is one. */
export function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array || typedArrayName.call(value) === "Uint8Array";
}

/** Returns true for an `Error` of any realm. */
export function isError(value: unknown): value is Error {
  return value instanceof Error || Object.prototype.toString.call(value) === "[object Error]";
}

/** Returns true for a `URL` of any realm; jsdom has a class of its own. */
export function isUrl(value: unknown): value is { readonly href: string } {
  return Object.prototype.toString.call(value) === "[object URL]";
}

/** Returns true for a value that can be awaited. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === "function";
}

/** Returns the key under which instances of a class carry their brand, the same in every copy of a package. */
export function brandKey(name: string): symbol {
  return Symbol.for(`trunkline.${name}`);
}

/** Returns true for an object that carries `brand`, whichever copy of its package has made it. */
export function hasBrand(value: unknown, brand: symbol): boolean {
  return typeof value === "object" && value !== null && (value as Record<symbol, unknown>)[brand] === true;
}

/**
 * Makes `instanceof` recognise the instances of a class from every copy of its package, by a brand. Subclasses keep the
 * plain rule unless they are branded themselves. To be called in a static block of the class.
 */
export function brandClass(type: { readonly prototype: object }, name: string): void {
  const brand = brandKey(name);
  Object.defineProperty(type.prototype, brand, { value: true });
  Object.defineProperty(type, Symbol.hasInstance, {
    value(this: unknown, value: unknown): boolean {
      if (this === type) return hasBrand(value, brand);
      return Function.prototype[Symbol.hasInstance].call(this as Function, value);
    },
  });
}
