/**
 * The fields of HTTP/2 that carry metadata, and the check of fields that arrived in another way than as HTTP/2 headers.
 */
import { isWireKey, reservedKeyReason } from "./key.js";
import { isReceivableText } from "./value.js";

/** A header field as HTTP/2 carries it: the name in lower case, each character of the value one octet. */
export interface WireField {
  readonly name: string;
  readonly value: string;
}

/**
 * Returns what is wrong with a field that a peer sent inside a message, or `undefined` for one that metadata can hold
 * and HTTP/2 could carry on. An HTTP/2 engine has already checked the fields of header blocks; fields in an envelope or
 * in a protobuf message have met no check before. A `-bin` value that is no base64 is no problem here: only its reading
 * fails.
 */
export function wireFieldProblem({ name, value }: WireField): string | undefined {
  if (!isWireKey(name)) return `field ${JSON.stringify(name.slice(0, 64))} has a name that metadata cannot have`;
  const reason = reservedKeyReason(name);
  if (reason !== undefined) return `field "${name}" is reserved: ${reason}`;
  if (isReceivableText(value)) return undefined;
  return `the value of field "${name}" has octets that a header field cannot have`;
}
