/**
 * The records that were sent and not acknowledged. They are kept as they go out, so that a repetition costs nothing.
 */
import { Fifo } from "@trunkline/base";
import { encodeFrame, type Frame } from "../stream/frame.js";
import { RecordMemory } from "./record-memory.js";
import { RecordCount } from "./records.js";

/** A record that may have to be sent again. */
interface KeptRecord {
  /** The frame as a message of the call. It is a copy: the sender of an item may use its memory again. */
  readonly message: Uint8Array;
  /** The cost of all records up to this one, and the checksum over them. */
  readonly cost: number;
  readonly crc32: number;
}

export class ReplayBuffer {
  /** The count over all records, acknowledged or not. */
  readonly sent: RecordCount = new RecordCount();
  readonly #kept: Fifo<KeptRecord> = new Fifo();
  /** The number of records that were acknowledged, their cost, and the checksum over them. */
  #acknowledged = 0;
  #acknowledgedCost = 0;
  #acknowledgedCrc32 = 0;
  #dropped = false;
  readonly #memory: RecordMemory = new RecordMemory();
  /** The number of the first record that only the newest attachment may hold. */
  #reusableFrom = 0;

  /** The number of records that the other side has for certain, which is the number of the first one that is kept. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** The cost of the records that are kept, in bytes. */
  get bytes(): number {
    return this.#dropped ? 0 : this.sent.cost - this.#acknowledgedCost;
  }

  get isEmpty(): boolean {
    return this.#kept.size === 0;
  }

  add(frame: Frame): void {
    this.sent.add(frame);
    if (this.#dropped) return;
    this.#kept.push({
      message: encodeFrame(frame, this.#memory.allocate),
      cost: this.sent.cost,
      crc32: this.sent.crc32,
    });
  }

  /** Returns the record of a number, with the cost up to its end; undefined for one that is not kept. */
  at(number: number): Pick<KeptRecord, "message" | "cost"> | undefined {
    return number < this.#acknowledged ? undefined : this.#kept.at(number - this.#acknowledged);
  }

  /**
   * Returns the checksum over the first `records` records; undefined where that cannot be told any more, or there are
   * not so many.
   */
  crc32After(records: number): number | undefined {
    if (records === this.#acknowledged) return this.#acknowledgedCrc32;
    return records < this.#acknowledged ? undefined : this.#kept.at(records - this.#acknowledged - 1)?.crc32;
  }

  /** Returns the cost of all records before the first one that is kept. */
  get acknowledgedCost(): number {
    return this.#acknowledgedCost;
  }

  /** Forgets the records before the number `records`: the other side has them. */
  acknowledge(records: number): void {
    while (this.#acknowledged < records) {
      const first = this.#kept.shift();
      if (first === undefined) break;
      this.#acknowledged += 1;
      if (this.#acknowledged > this.#reusableFrom) this.#memory.release(first.message);
      this.#acknowledgedCost = first.cost;
      this.#acknowledgedCrc32 = first.crc32;
    }
    if (this.#kept.size === 0) this.#memory.clear();
  }

  /** An older attachment may hold the records so far, and write them late: their memory is not used again. */
  leaveToOlder(): void {
    this.#reusableFrom = this.sent.records;
  }

  /** Drops all records: they are sent no more, and stay unacknowledged. */
  drop(): void {
    this.#kept.clear();
    this.#memory.clear();
    this.#dropped = true;
  }
}
