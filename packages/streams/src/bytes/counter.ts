/** The count of what goes one way through a stream. */
import { isBytes } from "@trunkline/base";

/** The number of items and bytes that have gone one way. */
export interface Count {
  readonly items: number;
  /** The bytes of the items that are `Uint8Array`; other items count as none. */
  readonly bytes: number;
}

/** A `Count` that grows. */
export class Counter implements Count {
  items = 0;
  bytes = 0;

  /** Counts one more item. */
  add(item: {}): void {
    this.items++;
    this.bytes += bytesOf(item);
  }

  /** Returns the count as it is now. */
  snapshot(): Count {
    return { items: this.items, bytes: this.bytes };
  }
}

/** Returns the number of bytes that an item counts as: its length if it is a `Uint8Array`, else none. */
export function bytesOf(item: {}): number {
  return isBytes(item) ? item.byteLength : 0;
}
