/**
 * Flow-control windows (RFC 9113 §5.2, §6.9): the arithmetic and nothing else. Who grants how much and when is
 * decided in `connection/receive-windows.ts`; who may send is asked in `connection/scheduler.ts`.
 */
import { max31Bit } from "../frame/types.js";

/** The window every connection and stream starts with before SETTINGS say otherwise. */
export const protocolInitialWindow = 65_535;

/** How much may still be sent. Negative after the peer lowered its SETTINGS_INITIAL_WINDOW_SIZE (§6.9.2). */
export class SendWindow {
  available: number;

  constructor(initial: number) {
    this.available = initial;
  }

  /** False where the sum passes 2^31-1, which is a FLOW_CONTROL_ERROR of the peer (§6.9.1). */
  grow(bytes: number): boolean {
    if (this.available + bytes > max31Bit) return false;
    this.available += bytes;
    return true;
  }
}

/** How much the peer may still send, and how far what we grant reaches. */
export class ReceiveWindow {
  /** What the peer may send now without asking. */
  available: number;
  /** What it should be able to have in flight: `available` is brought back up to it. */
  size: number;
  /** How much of `size` is growth past what it started with. */
  grown = 0;

  constructor(initial: number) {
    this.available = initial;
    this.size = initial;
  }

  /** Our own SETTINGS_INITIAL_WINDOW_SIZE has changed by `difference`; `available` may become negative (§6.9.2). */
  move(difference: number): void {
    this.available += difference;
    this.size += difference;
  }

  /** Makes the window twice as large and returns what that adds. */
  double(): number {
    const more = this.size;
    this.size += more;
    this.grown += more;
    return more;
  }

  /** False where the peer sent more than it was granted. */
  take(bytes: number): boolean {
    if (bytes > this.available) return false;
    this.available -= bytes;
    return true;
  }
}
