/** Memory that all sessions of one client share. */

/** A number of bytes that is taken in parts and given back. */
export class MemoryPool {
  readonly #limitBytes: number;
  #used = 0;
  /** The callbacks of those who wait for room, each called once. */
  readonly #waiting: Set<() => void> = new Set();

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get hasRoom(): boolean {
    return this.#used < this.#limitBytes;
  }

  /** Takes bytes if they are there. Returns false, without effect, if they are not. */
  reserve(bytes: number): boolean {
    if (this.#used + bytes > this.#limitBytes) return false;
    this.#used += bytes;
    return true;
  }

  /** Takes bytes that are needed, whatever the limit says. */
  take(bytes: number): void {
    this.#used += bytes;
  }

  /** Gives bytes back, and tells those who wait once there is room. */
  giveBack(bytes: number): void {
    this.#used -= bytes;
    if (bytes <= 0 || this.#waiting.size === 0 || !this.hasRoom) return;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const callback of waiting) callback();
  }

  /** Calls `callback` once there is room again. */
  onRoom(callback: () => void): void {
    this.#waiting.add(callback);
  }

  forget(callback: () => void): void {
    this.#waiting.delete(callback);
  }
}
