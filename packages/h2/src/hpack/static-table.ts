/** The static table (RFC 7541 Appendix A). Its fields are shared by all connections. */
import { type DecodedField, decodedField } from "./decoded-field.js";

/** Names in the table's order, each with its values there; most have only the empty one. */
const namesAndValues: readonly (readonly [name: string, ...values: string[]])[] = [
  [":authority", ""],
  [":method", "GET", "POST"],
  [":path", "/", "/index.html"],
  [":scheme", "http", "https"],
  [":status", "200", "204", "206", "304", "400", "404", "500"],
  ["accept-charset", ""],
  ["accept-encoding", "gzip, deflate"],
  ["accept-language", ""],
  ["accept-ranges", ""],
  ["accept", ""],
  ["access-control-allow-origin", ""],
  ["age", ""],
  ["allow", ""],
  ["authorization", ""],
  ["cache-control", ""],
  ["content-disposition", ""],
  ["content-encoding", ""],
  ["content-language", ""],
  ["content-length", ""],
  ["content-location", ""],
  ["content-range", ""],
  ["content-type", ""],
  ["cookie", ""],
  ["date", ""],
  ["etag", ""],
  ["expect", ""],
  ["expires", ""],
  ["from", ""],
  ["host", ""],
  ["if-match", ""],
  ["if-modified-since", ""],
  ["if-none-match", ""],
  ["if-range", ""],
  ["if-unmodified-since", ""],
  ["last-modified", ""],
  ["link", ""],
  ["location", ""],
  ["max-forwards", ""],
  ["proxy-authenticate", ""],
  ["proxy-authorization", ""],
  ["range", ""],
  ["referer", ""],
  ["refresh", ""],
  ["retry-after", ""],
  ["server", ""],
  ["set-cookie", ""],
  ["strict-transport-security", ""],
  ["transfer-encoding", ""],
  ["user-agent", ""],
  ["vary", ""],
  ["via", ""],
  ["www-authenticate", ""],
];

/** The field of index 1 is at 0. */
export const staticFields: readonly DecodedField[] = namesAndValues.flatMap(([name, ...values]) =>
  values.map((value) => decodedField(name, value)),
);

/** 61: the dynamic table's newest entry has the index after it (RFC 7541 §2.3.3). */
export const staticLength: number = staticFields.length;

/** The entries of the static table under one name. */
export interface StaticName {
  /** The first index of the name. */
  readonly index: number;
  /** Index by value. */
  readonly indexes: ReadonlyMap<string, number>;
}

export const staticNames: ReadonlyMap<string, StaticName> = indexNames();

function indexNames(): Map<string, StaticName> {
  const names = new Map<string, StaticName>();
  let index = 1;
  for (const [name, ...values] of namesAndValues) {
    names.set(name, { index, indexes: new Map(values.map((value, place) => [value, index + place])) });
    index += values.length;
  }
  return names;
}
