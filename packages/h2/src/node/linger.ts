/**
 * The end of a transport: half-closed, it still has to get rid of its last bytes, and the other side to read them and close.
 * To cut it too early would lose the tail of an answer; to wait for ever would keep what a dead peer holds.
 */
import type { Clock } from "@trunkline/base";
import type { Transport } from "./transport.js";

/** A peer that gives no sign of life for so long has read what it will read. */
const lingerMs = 1_000;
/** However alive it is: 4 MiB in the system's buffers at 1 Mbit/s take half of this. */
const longestLingerMs = 60_000;
/** A peer that still reads sends window updates and acknowledgements; one that goes on to send much more is not listening. */
const lifeBytes = 65_536;

export class Linger {
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #since: number;
  #disarm: () => void = () => {};
  #unwritten: number;
  #receivedBytes = 0;
  #heard = false;

  /** Half-closes the transport and begins to wait. */
  constructor(transport: Transport, clock: Clock) {
    this.#transport = transport;
    this.#clock = clock;
    this.#since = clock.nowMs();
    transport.end();
    this.#unwritten = transport.writableLength;
    this.#arm();
  }

  /** Something came from the peer, and was dropped. */
  received(bytes: number): void {
    this.#receivedBytes += bytes;
    this.#heard = this.#receivedBytes <= lifeBytes;
  }

  stop(): void {
    this.#disarm();
  }

  #arm(): void {
    this.#disarm = this.#clock.at(this.#clock.nowMs() + lingerMs, () => this.#look(), "watch");
  }

  #look(): void {
    const unwritten = this.#transport.writableLength;
    const alive = this.#heard || unwritten < this.#unwritten;
    this.#unwritten = unwritten;
    this.#heard = false;
    if (alive && this.#clock.nowMs() - this.#since < longestLingerMs) this.#arm();
    else this.#transport.destroy();
  }
}
