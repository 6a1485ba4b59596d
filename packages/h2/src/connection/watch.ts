/**
 * Waits for something that should go on. It gives up only where two looks agree, a tenth of the time apart: when our
 * own process stood still, timers come before what the peer has sent meanwhile, and the peer must not be blamed.
 */

/** The part of the time after which the first look comes. */
const firstLook = 0.9;

export class Watch {
  #since: number | undefined;
  #progress: number | undefined;
  #looked = false;
  /** The time to call `look`. It does not move with each sign of life, so that no timer does. */
  lookAt: number | undefined;

  /** Takes note of progress, a number that changes with each sign of life; undefined while nothing is waited for. */
  update(progress: number | undefined, timeoutMs: number, now: number): void {
    if (progress === undefined) {
      // Begun and over in one turn: no timer was set.
      if (this.#since === now) this.lookAt = undefined;
      this.#since = undefined;
    } else if (this.#since === undefined || progress !== this.#progress) {
      this.#since = now;
      this.#looked = false;
    }
    this.#progress = progress;
    if (this.#since !== undefined) this.lookAt ??= this.#since + timeoutMs * firstLook;
  }

  /** Returns `"late"` at the first look, and `"over"` where there was no sign of life until the second. */
  look(timeoutMs: number, now: number): "late" | "over" | undefined {
    if (this.lookAt === undefined || now < this.lookAt) return undefined;
    const since = this.#since;
    if (since === undefined) {
      this.lookAt = undefined;
      return undefined;
    }
    const lateAt = since + timeoutMs * firstLook;
    if (now < lateAt) {
      this.lookAt = lateAt;
      return undefined;
    }
    if (this.#looked) return "over";
    this.#looked = true;
    this.lookAt = Math.max(since + timeoutMs, now + timeoutMs * (1 - firstLook));
    return "late";
  }
}
