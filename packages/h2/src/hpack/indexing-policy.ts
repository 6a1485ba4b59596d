/**
 * Decides which fields our encoder puts into the compression table. A field in the table costs one octet from then on,
 * but pushes out older ones. An attacker who can both send fields of its own over the connection and watch its lengths
 * can test guesses against a field in the table (RFC 7541 §7.1).
 */

/**
 * - `normal`: worth remembering.
 * - `volatile`: the value changes with nearly every message, so only the name is worth remembering.
 * - `secret`: never indexed, by no hop (RFC 7541 §7.1.3).
 * - `credentials`: secret when short enough to be guessed.
 */
export type IndexingPolicy = "normal" | "volatile" | "secret" | "credentials";

const policies: ReadonlyMap<string, IndexingPolicy> = new Map<string, IndexingPolicy>([
  ["cookie", "secret"],
  ["set-cookie", "secret"],
  ["proxy-authorization", "secret"],
  ["authorization", "credentials"],
  ["age", "volatile"],
  ["content-length", "volatile"],
  ["content-range", "volatile"],
  ["etag", "volatile"],
  ["grpc-message", "volatile"],
  ["grpc-status-details-bin", "volatile"],
  ["grpc-tags-bin", "volatile"],
  ["grpc-timeout", "volatile"],
  ["grpc-trace-bin", "volatile"],
  ["if-modified-since", "volatile"],
  ["if-none-match", "volatile"],
  ["last-modified", "volatile"],
  ["traceparent", "volatile"],
  ["tracestate", "volatile"],
  ["x-request-id", "volatile"],
]);

export function indexingPolicy(name: string): IndexingPolicy {
  return policies.get(name) ?? "normal";
}

/** 20 characters of base64 are 120 bits: beyond guessing, if they are random. */
const leastUnguessableLength = 20;

/**
 * Whether an `authorization` could be guessed as a whole, which is all that HPACK lets anybody test: what follows the
 * scheme is short, or is a password (`Basic`, however long).
 */
export function isGuessable(credentials: string): boolean {
  const schemeEnd = credentials.indexOf(" ");
  return (
    credentials.length - (schemeEnd + 1) < leastUnguessableLength ||
    credentials.slice(0, schemeEnd).toLowerCase() === "basic"
  );
}
