/** Metadata as the conformance protos have it: values of binary keys in base64. */

/** Returns pairs of `Header` messages. */
export function pairsOf(headers) {
  return headers.flatMap(({ name, value }) =>
    value.map((text) => [name, isBinary(name) ? Buffer.from(text, "base64") : text]),
  );
}

/** Returns metadata as fields of `Header` messages. */
export function headersOf(metadata) {
  return [...new Set(metadata?.keys() ?? [])].map((name) => ({
    name,
    value: metadata
      .getAll(name)
      .map((value) => (typeof value === "string" ? value : Buffer.from(value).toString("base64").replaceAll("=", ""))),
  }));
}

function isBinary(name) {
  return name.toLowerCase().endsWith("-bin");
}
