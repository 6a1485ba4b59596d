/**
 * The streams that an operator has ended, so that no peer comes back to one of them. Tickets are good for a week, and
 * this router remembers for as long; another one with the same key does not know of it.
 */
import { ticketLifetimeMs } from "../token/minter.js";
import { ExpiringMap } from "./expiring-map.js";

/** The end of a stream by an operator. */
export interface Kill {
  /** The identity of the operator. */
  readonly by: string;
  /** The reason that the operator has given; empty for none. */
  readonly reason: string;
}

/** The number of streams: with the longest reasons 10 MB. */
const maxKilledKept = 10_000;

export type KilledStreams = ExpiringMap<Kill>;

export function newKilledStreams(): KilledStreams {
  return new ExpiringMap({ keptMs: ticketLifetimeMs, maxKept: maxKilledKept });
}

/** Returns the words with which peers are told. */
export function killText({ reason }: Kill): string {
  return reason === "" ? "an operator ended the stream" : `an operator ended the stream: ${reason}`;
}
