/**
 * What makes a field section malformed (RFC 9113 §8.2, §8.3). A field's own form is checked once and remembered on
 * the field, since HPACK hands out the same object again and again.
 */
import type { DecodedField } from "../hpack/decoder.js";

/** `undefined` when well formed, else what is wrong, for people. */
export type Flaw = string | undefined;

/** Connection-specific fields (§8.2.2); `te` is the one with an exception. */
const connectionSpecific: ReadonlySet<string> = new Set(["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"]);

/** Token characters of RFC 9110 §5.6.2 but upper case, by octet. */
const nameOctets: Uint8Array = new Uint8Array(256);
for (const character of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz") nameOctets[character.charCodeAt(0)] = 1;

export function requestFlaw(fields: readonly DecodedField[]): Flaw {
  let method: string | undefined;
  let scheme: string | undefined;
  let path: string | undefined;
  let authority: string | undefined;
  let regularSeen = false;
  for (const field of fields) {
    if (field.name.charCodeAt(0) !== 0x3a) {
      regularSeen = true;
      const flaw = regularFlaw(field);
      if (flaw !== undefined) return flaw;
      continue;
    }
    if (regularSeen) return `pseudo-header ${field.name} after a regular field`;
    const flaw = valueFlaw(field);
    if (flaw !== undefined) return flaw;
    let twice: boolean;
    switch (field.name) {
      case ":method":
        twice = method !== undefined;
        method = field.value;
        break;
      case ":scheme":
        twice = scheme !== undefined;
        scheme = field.value;
        break;
      case ":path":
        twice = path !== undefined;
        path = field.value;
        break;
      case ":authority":
        twice = authority !== undefined;
        authority = field.value;
        break;
      default:
        return `unknown pseudo-header ${printable(field.name)} in a request`;
    }
    if (twice) return `pseudo-header ${field.name} twice`;
  }
  if (method === undefined || method === "") return "request without :method";
  if (method === "CONNECT") {
    if (scheme !== undefined || path !== undefined) return "CONNECT with :scheme or :path";
    return authority === undefined ? "CONNECT without :authority" : undefined;
  }
  if (scheme === undefined || scheme === "") return "request without :scheme";
  if (path === undefined || path === "") return "request without :path";
  return undefined;
}

export function responseFlaw(fields: readonly DecodedField[]): Flaw {
  let status: string | undefined;
  let regularSeen = false;
  for (const field of fields) {
    if (field.name.charCodeAt(0) !== 0x3a) {
      regularSeen = true;
      const flaw = regularFlaw(field);
      if (flaw !== undefined) return flaw;
      continue;
    }
    if (field.name !== ":status") return `unknown pseudo-header ${printable(field.name)} in a response`;
    if (regularSeen) return "pseudo-header :status after a regular field";
    if (status !== undefined) return "pseudo-header :status twice";
    status = field.value;
  }
  if (status === undefined) return "response without :status";
  return /^[0-9]{3}$/.test(status) ? undefined : `:status ${printable(status)} is not three digits`;
}

export function trailersFlaw(fields: readonly DecodedField[]): Flaw {
  for (const field of fields) {
    if (field.name.charCodeAt(0) === 0x3a) return `pseudo-header ${printable(field.name)} in trailers`;
    const flaw = regularFlaw(field);
    if (flaw !== undefined) return flaw;
  }
  return undefined;
}

function regularFlaw(field: DecodedField): Flaw {
  if (field.checked === true) return undefined;
  const { name, value } = field;
  if (name.length === 0) return "field with an empty name";
  for (let index = 0; index < name.length; index++) {
    if (nameOctets[name.charCodeAt(index)] !== 1) return `field name ${printable(name)} has a character that is not allowed`;
  }
  if (connectionSpecific.has(name)) return `connection-specific field ${name}`;
  if (name === "te" && value !== "trailers") return `te: ${printable(value)} (only "trailers" is allowed)`;
  const flaw = valueFlaw(field);
  if (flaw === undefined) field.checked = true;
  return flaw;
}

function valueFlaw({ name, value }: DecodedField): Flaw {
  if (value.length === 0) return undefined;
  for (let index = 0; index < value.length; index++) {
    const octet = value.charCodeAt(index);
    if (octet === 0 || octet === 0x0a || octet === 0x0d) return `value of field ${printable(name)} has a NUL, CR or LF`;
  }
  const first = value.charCodeAt(0);
  const last = value.charCodeAt(value.length - 1);
  if (first === 0x20 || first === 0x09 || last === 0x20 || last === 0x09)
    return `value of field ${printable(name)} begins or ends with white space`;
  return undefined;
}

/** A peer's text in a message for people: short, and nothing in it but printable ASCII. */
function printable(text: string): string {
  const cut = text.length > 64 ? `${text.slice(0, 64)}…` : text;
  return JSON.stringify(cut.replace(/[^\x20-\x7e…]/g, "?"));
}
