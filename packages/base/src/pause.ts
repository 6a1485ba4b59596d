/** `pause`: a wait for some time, which a signal ends early. */
import { type AbortSignalLike, onAbort } from "./abort.js";
import type { AppointmentKind, Clock } from "./clock.js";

/**
 * Resolves after `ms` on the clock, or as soon as the signal aborts; it never rejects.
 * @param kind whether the wait is work, which keeps the process alive
 */
export function pause(
  clock: Clock,
  ms: number,
  kind: AppointmentKind,
  signal: AbortSignalLike | undefined,
): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      cancel();
      forget?.();
      resolve();
    };
    const cancel = clock.at(clock.nowMs() + ms, done, kind);
    const forget = signal && onAbort(signal, done);
  });
}
