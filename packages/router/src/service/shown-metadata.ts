/** The metadata of peers as an operator may see it: bounded, on one line, and without what looks like a secret. */
import { shortened } from "@trunkline/base";
import type { Fields } from "../gen/trunkline/v1/frames_pb.js";
import type { ShownMetadata } from "../registry/streams.js";
import { fieldsToMetadata } from "../stream/fields.js";

/** The number of keys that are kept of one peer, and the length of each and of its values. */
const maxShownKeys = 8;
const maxShownKeyChars = 64;
const maxShownValueChars = 128;

/** The words in a key whose value is hidden, besides that of any `-bin` key. */
const secretWords = /auth|cookie|credential|key|pass|secret|token|-bin$/;

const nothing: ShownMetadata = Object.freeze({});

/** Returns metadata that was checked when it came. Several values of a key are joined by ", ". */
export function shownMetadata(fields: Fields | undefined): ShownMetadata {
  if (fields === undefined || fields.fields.length === 0) return nothing;
  const values = new Map<string, string>();
  let omitted = 0;
  for (const [key, value] of fieldsToMetadata(fields)) {
    const name = key.slice(0, maxShownKeyChars);
    const earlier = values.get(name);
    if (earlier === undefined && values.size >= maxShownKeys) {
      omitted += 1;
      continue;
    }
    const text = typeof value !== "string" || secretWords.test(key) ? `(${value.length} hidden)` : value;
    values.set(name, shortened(earlier === undefined ? text : `${earlier}, ${text}`, maxShownValueChars));
  }
  if (omitted > 0) values.set("…", `${omitted} more`);
  return Object.fromEntries(values);
}
