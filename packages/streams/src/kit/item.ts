/** Checks of the items that are sent. */
import { isBytes } from "@trunkline/base";

/**
 * Returns the reason why a value is no item: `undefined` would be received as the end of the stream, and `null` is no
 * object or value of any stream. Returns `undefined` for an item.
 */
export function itemRefusal(item: unknown): TypeError | undefined {
  if (item !== undefined && item !== null) return undefined;
  return new TypeError(`${String(item)} cannot be sent as an item; sendEof() sends the end`);
}

/**
 * Returns the reason why a stream of bytes refuses an item; `undefined` for a `Uint8Array` of any realm.
 * @param carrier the words that begin the message, such as "a file"
 */
export function bytesRefusal(carrier: string, item: unknown): TypeError | undefined {
  if (isBytes(item)) return undefined;
  return itemRefusal(item) ?? new TypeError(`${carrier} takes Uint8Array, not ${kindOf(item)}`);
}

/**
 * Returns the reason why a stream of text refuses an item; `undefined` for a string without half a surrogate pair,
 * which UTF-8 cannot represent and encoders replace by U+FFFD without a word.
 * @param carrier the words that begin the message, such as "text"
 */
export function textRefusal(carrier: string, item: unknown): TypeError | undefined {
  if (typeof item !== "string")
    return itemRefusal(item) ?? new TypeError(`${carrier} takes strings, not ${kindOf(item)}`);
  const index = item.search(/\p{Surrogate}/u);
  if (index === -1) return undefined;
  return new TypeError(`${carrier} has half a surrogate pair at index ${index}, which UTF-8 cannot represent`);
}

function kindOf(item: unknown): string {
  return typeof item === "object" ? Object.prototype.toString.call(item).slice(8, -1) : typeof item;
}
