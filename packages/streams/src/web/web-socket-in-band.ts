/**
 * What two ends of ours say to each other over a WebSocket, beside the items: the end of one direction, and how much has been read.
 *
 * A WebSocket has no half-close, and the standard object cannot be told to wait. So messages of the kind that items are not (text
 * beside binary items, binary beside text) carry, in ASCII, `end` or `read <n>`. An item costs its length, bytes or UTF-16 units, and
 * 1,024 at least; who sends stops when 256 Ki are sent and not yet read. Both ends have to choose it; one alone breaks the stream.
 */

/** What may be under way and unread in one direction, but for the last item. */
export const windowCost: number = 256 * 1_024;

/** Also what a small item costs in memory, about. */
export function costOf(item: Uint8Array | string): number {
  return Math.max(item.length, 1_024);
}

export type Control = { readonly kind: "end" } | { readonly kind: "read"; readonly cost: number };

export function encodeControl(control: Control): string {
  return control.kind === "end" ? "end" : `read ${control.cost}`;
}

/** `undefined` for what is no control message. */
export function parseControl(text: string): Control | undefined {
  if (text === "end") return { kind: "end" };
  const read = /^read ([1-9]\d{0,14})$/.exec(text);
  return read === null ? undefined : { kind: "read", cost: Number(read[1]) };
}

/** The accounts of both directions at one end. */
export class Windows {
  /** Sent, and not yet reported as read. */
  #outstanding = 0;
  /** Received, and not yet reported by us as read. */
  #unreported = 0;
  /** Of that, what has been read. */
  #read = 0;

  get maySend(): boolean {
    return this.#outstanding < windowCost;
  }

  onSent(item: Uint8Array | string): void {
    this.#outstanding += costOf(item);
  }

  /** False if the other side reports what was never sent. */
  onReport(cost: number): boolean {
    this.#outstanding -= cost;
    return this.#outstanding >= 0;
  }

  /** False if the other side had no right to send. */
  onReceived(item: Uint8Array | string): boolean {
    const allowed = this.#unreported < windowCost;
    this.#unreported += costOf(item);
    return allowed;
  }

  /** What to report now, if it is worth it. */
  onRead(item: Uint8Array | string): number | undefined {
    this.#read += costOf(item);
    if (this.#read * 4 < windowCost) return undefined;
    const cost = this.#read;
    this.#read = 0;
    this.#unreported -= cost;
    return cost;
  }
}
