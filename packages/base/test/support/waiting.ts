/** Waits in the tests of all packages: for turns of the event loop, or for something that comes about in real time. */
import { setImmediate, setTimeout } from "node:timers";

/**
 * The time after which `until` gives up. It is generous: on a busy machine a thread or a process may not run for
 * seconds.
 */
const giveUpAfterMs = 60_000;
/**
 * The number of turns in which `until` looks at every turn. After them it sleeps in between, so that others can work.
 */
const eagerTurns = 500;
// Taken when the module is loaded, so that tests with fake timers wait in real time, too.
const nowMs = performance.now.bind(performance);

/**
 * Lets the event loop turn some times: everything that needs no time, no thread and no process has happened after it.
 */
export async function turns(count: number = 20): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise<void>((resolve) => void setImmediate(resolve));
}

/**
 * Waits until something holds that a socket, a thread or a process brings about.
 * @throws Error that names `what` when it does not hold within a minute
 */
export async function until(holds: () => boolean, what: string = "the condition"): Promise<void> {
  const giveUpAtMs = nowMs() + giveUpAfterMs;
  for (let turn = 0; !holds(); turn++) {
    if (nowMs() > giveUpAtMs) throw new Error(`${what} did not come about within ${giveUpAfterMs / 1_000} s`);
    if (turn < eagerTurns) await turns(1);
    else await new Promise<void>((resolve) => void setTimeout(resolve, 1));
  }
}
