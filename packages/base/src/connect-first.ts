/**
 * Connects to the first of several addresses that answers (RFC 8305 §5, "happy eyeballs"). An attempt that is slow goes
 * on while later ones run beside it: a network on which a connection takes a second is slow, not broken
 * (nodejs/node#54359).
 */
import type { Clock } from "./clock.js";

/**
 * Begins one attempt. It calls one of the two functions once, after it has returned. The result cancels the attempt.
 */
export type Attempt<Address, Connection> = (
  address: Address,
  onConnected: (connection: Connection) => void,
  onFailed: (error: Error) => void,
) => () => void;

/** Receives the result of `connectFirst`; one of the two is called once. */
export interface ConnectFirstEvents<Connection> {
  onConnected(connection: Connection): void;
  /** Every attempt has failed. The errors stand in the order in which they came. */
  onFailed(errors: readonly Error[]): void;
}

/**
 * The wait before the next address is tried beside those that have not answered: 250 ms, the recommendation of RFC 8305
 * §5. An attempt that fails is followed by the next at once.
 */
export const attemptDelayMs = 250;

/**
 * Tries the addresses in their order; the first that answers wins, and the other attempts are cancelled. The caller
 * limits the time of the whole. The function returned cancels everything; after it no event is called.
 */
export function connectFirst<Address, Connection>(
  addresses: readonly Address[],
  attempt: Attempt<Address, Connection>,
  clock: Clock,
  events: ConnectFirstEvents<Connection>,
): () => void {
  const running = new Set<() => void>();
  const errors: Error[] = [];
  let next = 0;
  let cancelDelay = (): void => {};
  const cancel = (): void => {
    cancelDelay();
    next = addresses.length;
    for (const stop of running) stop();
    running.clear();
  };
  const begin = (): void => {
    cancelDelay();
    if (next >= addresses.length) return;
    const stop = attempt(
      addresses[next++] as Address,
      (connection) => {
        running.delete(stop);
        cancel();
        events.onConnected(connection);
      },
      (error) => {
        running.delete(stop);
        errors.push(error);
        if (next < addresses.length) begin();
        else if (running.size === 0) events.onFailed(errors);
      },
    );
    running.add(stop);
    if (next < addresses.length) cancelDelay = clock.at(clock.nowMs() + attemptDelayMs, begin, "work");
  };
  if (addresses.length === 0) events.onFailed(errors);
  else begin();
  return cancel;
}
