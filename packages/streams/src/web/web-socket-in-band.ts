/**
 * The control messages between two ends of this package over a WebSocket: the end of one direction, and how much has
 * been read.
 *
 * A WebSocket has no half-close, and the standard object cannot be paused. So messages of the kind that items are not
 * (text beside binary items, binary beside text) carry, in ASCII, `end` or `read <n>`. An item costs its length in
 * bytes or UTF-16 units, and 1,024 at least. A sender stops when 256 Ki are sent and not yet read. Both ends have to
 * choose it; one alone breaks the stream.
 */

/** The cost of the items that may be sent and unread in one direction, not counting the last item. */
export const windowCost: number = 256 * 1_024;

/** Returns the cost of an item. The least cost is about what a small item takes in memory. */
export function costOf(item: Uint8Array | string): number {
  return Math.max(item.length, 1_024);
}

/** A control message. */
export type Control = { readonly kind: "end" } | { readonly kind: "read"; readonly cost: number };

/** Returns the text of a control message. */
export function encodeControl(control: Control): string {
  return control.kind === "end" ? "end" : `read ${control.cost}`;
}

/** Returns the control message of a text, `undefined` for any other text. */
export function parseControl(text: string): Control | undefined {
  if (text === "end") return { kind: "end" };
  const read = /^read ([1-9]\d{0,14})$/.exec(text);
  return read === null ? undefined : { kind: "read", cost: Number(read[1]) };
}

/** The counts of both directions at one end. */
export class Windows {
  /** The cost of what was sent and not yet reported as read. */
  #outstanding = 0;
  /** The cost of what was received and not yet reported as read by this end. */
  #unreported = 0;
  /** The part of it that has been read. */
  #read = 0;

  get maySend(): boolean {
    return this.#outstanding < windowCost;
  }

  onSent(item: Uint8Array | string): void {
    this.#outstanding += costOf(item);
  }

  /** Takes a report of the other end. Returns false if it reports more than was sent. */
  onReport(cost: number): boolean {
    this.#outstanding -= cost;
    return this.#outstanding >= 0;
  }

  /** Counts a received item. Returns false if the other end was not allowed to send it. */
  onReceived(item: Uint8Array | string): boolean {
    const allowed = this.#unreported < windowCost;
    this.#unreported += costOf(item);
    return allowed;
  }

  /** Counts an item that was read. Returns the cost to report now, `undefined` while it is small. */
  onRead(item: Uint8Array | string): number | undefined {
    this.#read += costOf(item);
    if (this.#read * 4 < windowCost) return undefined;
    const cost = this.#read;
    this.#read = 0;
    this.#unreported -= cost;
    return cost;
  }
}
