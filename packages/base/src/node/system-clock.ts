import type { Clock } from "../clock.js";
import { createSystemClock } from "../system-clock.js";
import { clearTimeout, monotonicMs, setTimeout } from "./timers.js";

/** The real, monotonic clock. Appointments for `"work"` keep the process alive, those for `"watch"` do not. */
export const systemClock: Clock = createSystemClock({ nowMs: monotonicMs, setTimeout, clearTimeout });
