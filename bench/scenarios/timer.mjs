/** The window of a measurement: when it is over, and how long it really took. */

/** @param {number} durationMs */
export function startWindow(durationMs) {
  const start = performance.now();
  const end = start + durationMs;
  return {
    isOver: () => performance.now() >= end,
    /** Looks at the clock every 32nd time only, where reading it would count. */
    isOverRarely() {
      let until = 0;
      return () => {
        if (until > 0) {
          until -= 1;
          return false;
        }
        until = 31;
        return performance.now() >= end;
      };
    },
    /**
     * Returns the measurement of all that was done since the start, including what the window's end found under way.
     * @param {number} amount
     * @returns {import("../types.d.ts").Measurement}
     */
    done: (amount) => ({ amount, elapsedMs: performance.now() - start }),
  };
}
