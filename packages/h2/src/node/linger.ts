/**
 * The end of a transport: half-closed, it still has to send its last bytes, and the other side has to read them and
 * close. To cut it too early would lose the tail of an answer; to wait for ever would keep what a dead peer holds.
 */
import type { Clock } from "@trunkline/base";
import type { Transport } from "./transport.js";

/** The time without a sign of life after which a peer has read what it will read. */
const lingerMs = 1_000;
/**
 * The time after which even a peer that is alive is given up: 4 MiB in the buffers of the system take half of it at 1
 * Mbit/s.
 */
const longestLingerMs = 60_000;
/**
 * The bytes that a peer that still reads may send, as window updates and acknowledgements; one that sends much more is
 * not listening.
 */
const lifeBytes = 65_536;

/** The last wait of one transport. It ends by itself, and destroys the transport. */
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

  /** Takes note of bytes from the peer, which were dropped. */
  received(bytes: number): void {
    this.#receivedBytes += bytes;
    this.#heard = this.#receivedBytes <= lifeBytes;
  }

  /** Ends the wait; the transport is closed already. */
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
