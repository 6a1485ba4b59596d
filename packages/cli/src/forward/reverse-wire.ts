/**
 * The words by which both sides of a reverse forward agree. The connecting side dials the name with the address that
 * the exposer is to listen on, and keeps that stream: on it the exposer says, a line of JSON each, where it listens and
 * which connections have come. For each of those the connecting side dials once more, with the id of the connection.
 */
import type { Metadata } from "@trunkline/metadata";

/** The metadata of a name whose exposer takes reverse forwards. */
export const reverseMetadata: Readonly<Record<"trunkline-reverse", string>> = { "trunkline-reverse": "1" };

/** Returns true for the metadata of a name whose exposer takes reverse forwards. */
export function takesReverse(metadata: Metadata | undefined): boolean {
  return metadata?.get("trunkline-reverse") === reverseMetadata["trunkline-reverse"];
}

/** The metadata key of the address to listen on. */
export const reverseListenKey = "trunkline-reverse-listen";
/** The metadata key of the name of a forward, by which the exposer knows it when it comes back. */
export const reverseForwardKey = "trunkline-reverse-forward";
/** The metadata key of the connection that a stream is to be joined to. */
export const reverseTakeKey = "trunkline-reverse-take";

/** A message of the exposer. */
export type ReverseMessage =
  /** The exposer listens, at this address. */
  | { readonly listening: { readonly host: string; readonly port: number } }
  /** A connection has come from this address. */
  | { readonly connection: string; readonly peer: string };

/** The longest line of a message. */
export const maxReverseLineBytes = 1_024;

export function encodeReverseMessage(message: ReverseMessage): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(message));
}

/** Reads a message. @throws Error for a line that is none */
export function parseReverseMessage(line: Uint8Array): ReverseMessage {
  const value = JSON.parse(new TextDecoder().decode(line)) as Record<string, unknown> | null;
  const { listening, connection, peer } = value ?? {};
  if (typeof connection === "string" && /^[\w-]{1,64}$/.test(connection) && typeof peer === "string")
    return { connection, peer };
  const { host, port } = (listening ?? {}) as { readonly host?: unknown; readonly port?: unknown };
  if (typeof host === "string" && typeof port === "number" && Number.isInteger(port) && port > 0 && port < 65_536)
    return { listening: { host, port } };
  throw new Error("the other side sent something else than the messages of a reverse forward");
}
