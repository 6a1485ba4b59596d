/**
 * Flow-control windows (RFC 9113 §5.2, §6.9): the arithmetic and nothing else. How much is granted and when is decided
 * in `connection/receive-windows.ts`; which stream may send is asked in `connection/scheduler.ts`.
 *
 * A stream's window is the initial window size of the settings plus what happened on the stream since. A change of the
 * setting moves the windows of all streams at once (§6.9.2) and visits none of them: with 16,384 open streams it costs
 * as little as with one.
 */

/** The window every connection and stream starts with before SETTINGS say otherwise. */
export const protocolInitialWindow = 65_535;

/** The initial window size that all windows of one direction begin with, as it is now. */
export interface InitialWindow {
  bytes: number;
}

/** The bytes that may still be sent. Negative after the peer lowered its SETTINGS_INITIAL_WINDOW_SIZE (§6.9.2). */
export class SendWindow {
  readonly #initial: InitialWindow;
  /** The bytes granted by WINDOW_UPDATE, less those sent. */
  granted = 0;

  constructor(initial: InitialWindow) {
    this.#initial = initial;
  }

  get available(): number {
    return this.#initial.bytes + this.granted;
  }
}

/** The bytes that the peer may still send, and how far what is granted reaches. */
export class ReceiveWindow {
  readonly #initial: InitialWindow;
  /** The bytes granted by WINDOW_UPDATE, less those received. */
  granted = 0;
  /** The bytes by which `size` has grown past what it started with. */
  grown = 0;

  constructor(initial: InitialWindow) {
    this.#initial = initial;
  }

  /**
   * The bytes that the peer may send now without asking; may be negative after our own setting was lowered (§6.9.2).
   */
  get available(): number {
    return this.#initial.bytes + this.granted;
  }

  /** The bytes that the peer should be able to have in flight: `available` is brought back up to it. */
  get size(): number {
    return this.#initial.bytes + this.grown;
  }

  /** Makes the window twice as large and returns the bytes that this adds. */
  double(): number {
    const more = this.size;
    this.grown += more;
    return more;
  }

  /** Takes received bytes out of the window. Returns false where the peer sent more than it was granted. */
  take(bytes: number): boolean {
    if (bytes > this.available) return false;
    this.granted -= bytes;
    return true;
  }
}
