/**
 * The form of a single field (RFC 9113 §8.2). Of what comes in it is checked once and remembered on the field, since
 * HPACK hands out the same object again and again; of what goes out it is checked when a field is not yet in HPACK's
 * tables.
 */
import { shortened, trimBlanks } from "@trunkline/base";
import type { HeaderField } from "../header-field.js";
import { type DecodedField, decodedField } from "../hpack/decoded-field.js";

/** `undefined` when well formed, else what is wrong, for people. */
export type Flaw = string | undefined;

/** Connection-specific fields (§8.2.2); `te` is the one with an exception. */
const connectionSpecific: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
]);

/** Token characters of RFC 9110 §5.6.2 but upper case, by octet. */
const nameOctets: Uint8Array = new Uint8Array(256);
for (const character of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz") nameOctets[character.charCodeAt(0)] = 1;

const colon = 0x3a;

export function isPseudo(name: string): boolean {
  return name.charCodeAt(0) === colon;
}

/** Returns the first flaw of received fields. */
export function receivedFieldsFlaw(fields: readonly DecodedField[]): Flaw {
  for (const field of fields) {
    if (field.checked === true) continue;
    const flaw = fieldFlaw(field.name, field.value);
    if (flaw !== undefined) return flaw;
    field.checked = true;
  }
  return undefined;
}

/**
 * Removes white space at the ends of values. The field in a table of HPACK stays as it came, since the tables of both
 * sides must agree. Pseudo-headers are left alone: a path or an authority with such space is malformed.
 */
export function stripFieldSpace(fields: DecodedField[]): void {
  for (let index = 0; index < fields.length; index++) {
    const field = fields[index] as DecodedField;
    if (field.checked === true || isPseudo(field.name) || !hasSpaceAtEnds(field.value)) continue;
    fields[index] = decodedField(field.name, trimBlanks(field.value), field.neverIndexed === true ? true : undefined);
  }
}

/** Returns the first flaw of fields that belong to the user. */
export function fieldsFlaw(fields: readonly HeaderField[]): Flaw {
  for (const { name, value } of fields) {
    const flaw = fieldFlaw(name, value);
    if (flaw !== undefined) return flaw;
  }
  return undefined;
}

/**
 * Returns the flaw of one field. Which pseudo-headers there are, and where, is checked in `headers.ts`. `nameChecked`
 * says that a field of this name was found well formed before.
 */
export function fieldFlaw(name: string, value: string, nameChecked = false): Flaw {
  if (typeof name !== "string" || typeof value !== "string")
    return `field ${printable(String(name))} is not of two strings`;
  if (nameChecked ? name === "te" : !isPseudo(name)) {
    if (name.length === 0) return "field with an empty name";
    for (let index = 0; index < name.length; index++) {
      if (nameOctets[name.charCodeAt(index)] !== 1)
        return `field name ${printable(name)} has a character that is not allowed`;
    }
    if (connectionSpecific.has(name)) return `connection-specific field ${name}`;
    if (name === "te" && value !== "trailers") return `te: ${printable(value)} (only "trailers" is allowed)`;
  }
  return valueFlaw(name, value);
}

function valueFlaw(name: string, value: string): Flaw {
  if (value.length === 0) return undefined;
  for (let index = 0; index < value.length; index++) {
    const octet = value.charCodeAt(index);
    if (octet >= 0x20 && octet <= 0xff) continue;
    if (octet === 0 || octet === 0x0a || octet === 0x0d) return `value of field ${printable(name)} has a NUL, CR or LF`;
    if (octet > 0xff)
      return `value of field ${printable(name)} has a character past 0xff: a value has one character an octet`;
  }
  return hasSpaceAtEnds(value) ? `value of field ${printable(name)} begins or ends with white space` : undefined;
}

function hasSpaceAtEnds(value: string): boolean {
  return isSpace(value.charCodeAt(0)) || isSpace(value.charCodeAt(value.length - 1));
}

function isSpace(octet: number): boolean {
  return octet === 0x20 || octet === 0x09;
}

/** Returns foreign text for a message to people: short, and with nothing in it but printable ASCII. */
export function printable(text: string): string {
  return JSON.stringify(shortened(text, 64).replace(/[^\x20-\x7e…]/g, "?"));
}
