/**
 * One flow of datagrams as a stream whose items are datagrams. It knows neither sockets nor addresses. UDP has no end
 * and no backpressure: a flow ends when it is idle, and where its reader is slow, the oldest datagrams are dropped.
 */
import type { Buffer } from "node:buffer";
import { type Clock, reasonText } from "@trunkline/base";
import {
  type AttributeKey,
  type Attributes,
  attribute,
  ClosedStreamError,
  lengthPrefixed,
  type ObjectStream,
  type SendOptions,
  streamClock,
  type WaitOptions,
} from "@trunkline/streams";
import { BaseStream, ReceiveQueue } from "@trunkline/streams/kit";

/** The largest datagram: what IPv4 leaves of 65,535 bytes behind its own header and that of UDP. */
export const maxDatagramBytes = 65_507;

/** The number of datagrams of a flow that were dropped so far. */
export const droppedDatagrams: AttributeKey<() => number> = attribute("droppedDatagrams");

/** Returns the stream of the datagrams that go over a stream of bytes, each with its length in two bytes before it. */
export function datagramsOver(stream: ObjectStream<Uint8Array>): ObjectStream<Uint8Array> {
  return lengthPrefixed(stream, { prefixBytes: 2, maxMessageBytes: maxDatagramBytes });
}

/** The memory that the waiting datagrams of several flows share. */
export class DatagramMemory {
  /** The bytes of one flow: what a socket of Linux keeps by default. */
  readonly maxFlowBytes: number;
  /** The bytes of all flows. */
  readonly maxBytes: number;
  used = 0;

  constructor(options: { readonly maxFlowBytes?: number; readonly maxBytes?: number } = {}) {
    this.maxFlowBytes = options.maxFlowBytes ?? 212_992;
    this.maxBytes = options.maxBytes ?? 67_108_864;
  }
}

/** The bytes that one waiting datagram takes beside its own. */
const overheadBytes = 128;

/** Options of a flow. */
export interface FlowOptions {
  readonly memory: DatagramMemory;
  readonly clock: Clock;
  /** The time without a datagram in either direction after which the flow ends. */
  readonly idleMs: number;
  /** Sends a datagram. A rejection counts it as dropped. */
  emit(datagram: Uint8Array): Promise<void>;
  /** Called once, when the flow has ended or was aborted. */
  onOver(aborted: boolean): void;
}

export class FlowStream extends BaseStream<Uint8Array> implements ObjectStream<Uint8Array> {
  readonly carriesMetadata = false;
  readonly #options: FlowOptions;
  readonly #arrived: ReceiveQueue<Buffer>;
  readonly #attributes: Attributes;
  /** The bytes of the datagrams that wait, with their overhead. */
  #waitingBytes = 0;
  #dropped = 0;
  #activeAtMs: number;
  #cancelIdle: (() => void) | undefined;
  #over = false;
  #aborted: ClosedStreamError | undefined;

  constructor(options: FlowOptions) {
    super();
    this.#options = options;
    const { clock, memory } = options;
    this.#arrived = new ReceiveQueue((datagram) => {
      const bytes = datagram.length + overheadBytes;
      this.#waitingBytes -= bytes;
      memory.used -= bytes;
    });
    this.#attributes = new Map<AttributeKey<unknown>, unknown>([
      [streamClock, clock],
      [droppedDatagrams, () => this.#dropped],
    ]);
    this.#activeAtMs = clock.nowMs();
    this.#watchIdle();
  }

  override get extraAttributes(): Attributes {
    return this.#attributes;
  }

  /** Takes a datagram that has arrived. Where there is no room for it, the oldest ones make room. */
  deliver(datagram: Buffer): void {
    if (this.#over) return;
    const { memory, clock } = this.#options;
    this.#activeAtMs = clock.nowMs();
    const bytes = datagram.length + overheadBytes;
    const isFull = (): boolean =>
      this.#waitingBytes + bytes > memory.maxFlowBytes || memory.used + bytes > memory.maxBytes;
    while (isFull() && this.#arrived.size > 0) {
      void this.#arrived.take(); // No reader waits while there are datagrams, so that this takes the oldest at once.
      this.#dropped += 1;
    }
    if (isFull()) {
      this.#dropped += 1;
      return;
    }
    this.#waitingBytes += bytes;
    memory.used += bytes;
    this.#arrived.push(datagram);
  }

  /** Counts datagrams that were lost outside of this stream, by an error of the socket. */
  lost(): void {
    this.#dropped += 1;
  }

  async send(datagram: Uint8Array, _options?: SendOptions): Promise<void> {
    if (this.#aborted !== undefined) throw this.#aborted;
    // The other side may send on until it hears of the end.
    if (this.#over) return this.lost();
    this.#activeAtMs = this.#options.clock.nowMs();
    await this.#options.emit(datagram).catch(() => this.lost());
  }

  receive(options?: WaitOptions): Promise<Uint8Array | undefined> {
    return this.#arrived.take(options);
  }

  /** The end of one direction is that of both: nobody could tell the other side of half an end. */
  protected endOutput(): Promise<void> {
    this.#end();
    return Promise.resolve();
  }

  protected discardInput(): Promise<void> {
    this.#end();
    return this.#arrived.discard();
  }

  abort(reason?: unknown): void {
    if (this.#arrived.endTaken) return;
    this.#aborted ??= new ClosedStreamError(`the flow of datagrams was aborted: ${reasonText(reason)}`);
    this.#arrived.close(this.#aborted);
    this.#conclude(true);
  }

  #watchIdle(): void {
    const { clock, idleMs } = this.#options;
    this.#cancelIdle = clock.at(
      this.#activeAtMs + idleMs,
      () => {
        if (clock.nowMs() >= this.#activeAtMs + idleMs) this.#end();
        else this.#watchIdle();
      },
      "watch",
    );
  }

  #end(): void {
    this.#arrived.end();
    this.#conclude(false);
  }

  #conclude(aborted: boolean): void {
    if (this.#over) return;
    this.#over = true;
    this.#cancelIdle?.();
    this.#options.onOver(aborted);
  }
}
