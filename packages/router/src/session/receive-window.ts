/**
 * The records that the other side of a session may send: what was read, and a window beyond it. The window begins
 * small, and doubles while the reader keeps up, so that an idle session costs little and a fast one is not held up by
 * the length of the way.
 */

/** The first window. It is part of the protocol: both sides count on it before they have heard each other. */
export const firstWindowBytes = 131_072;

export interface ReceiveWindowOptions {
  /** The largest window. */
  readonly maxBytes: number;
  /** Asks the process for more memory for unread records. Returns false where there is none. */
  reserve(bytes: number): boolean;
}

export class ReceiveWindow {
  /** The size of the window now. */
  bytes: number = firstWindowBytes;
  readonly #options: ReceiveWindowOptions;
  #read = 0;
  #received = 0;
  /** The cost that was read when the window changed last. */
  #readAtChange = 0;

  constructor(options: ReceiveWindowOptions) {
    this.#options = options;
  }

  /** The cost of records that this side takes in all. */
  get credit(): number {
    return this.#read + this.bytes;
  }

  /** The cost of the records that were received and not read. */
  get unread(): number {
    return this.#received - this.#read;
  }

  /** The bytes that were reserved beyond the first window. */
  get reserved(): number {
    return this.bytes - firstWindowBytes;
  }

  onReceived(cost: number): void {
    this.#received += cost;
  }

  onRead(cost: number): void {
    this.#read += cost;
    // The reader has taken a whole window, and little waits: it is faster than the window lets the other side be.
    if (this.#read - this.#readAtChange < this.bytes || this.unread > this.bytes / 4) return;
    this.#readAtChange = this.#read;
    const more = Math.min(this.bytes, this.#options.maxBytes - this.bytes);
    if (more > 0 && this.#options.reserve(more)) this.bytes += more;
  }
}
