import type { HeaderField } from "../header-field.js";

/**
 * A field that was received. Fields of the static table and of a connection's dynamic table are handed out as the very
 * objects that are in the tables, again and again: treat them as constants, but for `checked`.
 */
export interface DecodedField extends HeaderField {
  /** True once the form of the field was checked (RFC 9113 §8.2.1), so that a field from a table is checked once. */
  checked?: boolean | undefined;
}

/** All fields are made here, so that all have one shape. */
export function decodedField(name: string, value: string, neverIndexed?: true): DecodedField {
  return { name, value, neverIndexed, checked: undefined } as DecodedField;
}

/**
 * Returns the size of a field, as it counts in a table (RFC 7541 §4.1) and in a header list (RFC 9113 §6.5.2): a string
 * has one character an octet.
 */
export function fieldBytes(name: string, value: string): number {
  return name.length + value.length + 32;
}
