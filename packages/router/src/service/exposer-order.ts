/** The order in which the exposers that share a name are offered a stream. */
import type { Sharing } from "../policy/policy.js";
import type { ListenerEntry } from "./listener-entry.js";

const comparisons: Readonly<Record<Sharing, (one: ListenerEntry, other: ListenerEntry) => number>> = {
  // The sort is stable, and the entries of a name come by age.
  first: () => 0,
  "round-robin": (one, other) => one.lastTurn - other.lastTurn,
  "least-streams": (one, other) => one.record.streams - other.record.streams || one.lastTurn - other.lastTurn,
};

/** Returns the entries in the order of their turns, with those that do not take their offers behind the others. */
export function inOrder(entries: readonly ListenerEntry[], sharing: Sharing, nowMs: number): ListenerEntry[] {
  const compare = comparisons[sharing];
  const lag = new Map(entries.map((entry) => [entry, entry.takesOffers(nowMs) ? 0 : 1]));
  return [...entries].sort((one, other) => (lag.get(one) ?? 0) - (lag.get(other) ?? 0) || compare(one, other));
}
