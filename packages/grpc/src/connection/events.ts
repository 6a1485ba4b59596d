/**
 * The events of connections, told on a channel of `node:diagnostics_channel`. Without a subscriber they cost a check.
 */
import { diagnosticsChannel } from "#platform";

/** The name of the diagnostics channel on which every connection of the process tells its events. */
export const connectionEventsChannel = "trunkline.grpc.connection";

/**
 * An event of a connection. A client's connection tells `connecting`, then `ready` or `failed`, and after `ready` at
 * last `closed`; a server's begins with `ready`, or is only `failed` where a TLS handshake was refused. `goaway`: the
 * other side takes no more calls on it. A client's endpoint whose calls fail is `ejected`, and later `returned`; one
 * whose health should be checked, and that knows nothing of it, is `unchecked`.
 */
export interface ConnectionEvent {
  readonly role: "client" | "server";
  readonly event: "connecting" | "ready" | "failed" | "goaway" | "closed" | "ejected" | "returned" | "unchecked";
  /**
   * The address at the other end. For a client that has no connection yet, the endpoint's name; undefined for a
   * server's connection that was refused.
   */
  readonly peer: string | undefined;
  /** The error because of which it failed or was closed, or that GOAWAY named; undefined for an orderly end. */
  readonly cause: unknown;
}

const events: ReturnType<typeof diagnosticsChannel> = diagnosticsChannel(connectionEventsChannel);

/** Tells the subscribers of an event, if there are any. */
export function tellConnection(
  role: ConnectionEvent["role"],
  event: ConnectionEvent["event"],
  peer: string | undefined,
  cause?: unknown,
): void {
  if (events.hasSubscribers) events.publish({ role, event, peer, cause } satisfies ConnectionEvent);
}
