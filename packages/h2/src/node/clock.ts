/** Time for a driver. The shape is that of `Clock` in `@trunkline/streams`, which this package does not import. */
export interface DriverClock {
  nowMs(): number;
  at(atMs: number, callback: () => void): () => void;
}

/** Timers of Node hold 31 bits of milliseconds; a later appointment is kept by several. */
const longestTimerMs = 2 ** 31 - 1;

export const systemClock: DriverClock = {
  nowMs: () => performance.now(),
  at(atMs, callback) {
    let timer: NodeJS.Timeout;
    const arm = (): void => {
      const leftMs = atMs - performance.now();
      // Rounded up: a timer that fires a fraction too early would only be set again.
      timer =
        leftMs > longestTimerMs
          ? setTimeout(arm, longestTimerMs)
          : setTimeout(callback, Math.max(0, Math.ceil(leftMs)));
      timer.unref();
    };
    arm();
    return () => clearTimeout(timer);
  },
};
