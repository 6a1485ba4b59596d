/**
 * A pair of connected streams in one process: an item that one end sends is received by the other as the same object.
 */

import { type Clock, checkOptionNames, optionNames, reasonText, wholeNumber } from "@trunkline/base";
import { Metadata } from "@trunkline/metadata";
import { type Attributes, noAttributes } from "../contract/attributes.js";
import { streamClock } from "../contract/clock.js";
import { BrokenStreamError, ClosedStreamError } from "../contract/errors.js";
import type { ObjectStream, ReceivedMessage, SendOptions, WaitOptions } from "../contract/stream.js";
import { BaseStream } from "../kit/base-stream.js";
import { BreakSignal } from "../kit/break-signal.js";
import { itemRefusal } from "../kit/item.js";
import { dataOf } from "../kit/message.js";
import { ReceiveQueue } from "../kit/receive-queue.js";
import { SendQueue } from "../kit/send-queue.js";

/** Options of `memoryPair`. */
export interface MemoryPairOptions {
  /**
   * The number of items of one direction that may lie unread before `send` waits. Default 32, which keeps a reader and
   * a writer busy that take turns.
   */
  readonly maxBufferedItems?: number;
  /** The clock for the time limit of `close()`. Without one, `close()` waits for the other end as long as it takes. */
  readonly clock?: Clock;
}

const memoryPairOptionNames = optionNames<MemoryPairOptions>({ maxBufferedItems: true, clock: true });

/**
 * Makes two connected streams: the first one sends `A` and receives `B`, the second one sends `B` and receives `A`.
 * Both carry metadata. An abort reaches the other end at once, ahead of the items that it has not read.
 * @throws RangeError when `maxBufferedItems` is not a whole number from 1
 */
export function memoryPair<A extends {}, B extends {} = A>(
  options: MemoryPairOptions = {},
): [ObjectStream<A, B>, ObjectStream<B, A>] {
  checkOptionNames("memoryPair", options, memoryPairOptionNames);
  const { maxBufferedItems = 32, clock } = options;
  wholeNumber("maxBufferedItems", maxBufferedItems, 1);
  const attributes: Attributes = clock === undefined ? noAttributes : new Map([[streamClock, clock]]);
  const aToB = new Direction<A>(maxBufferedItems);
  const bToA = new Direction<B>(maxBufferedItems);
  return [new MemoryEnd(aToB, bToA, attributes), new MemoryEnd(bToA, aToB, attributes)];
}

/** One direction of a pair: the queue of the sending end, and behind it the queue of the receiving end. */
class Direction<T extends {}> {
  /** The signal that tells the receiving end that the other one has aborted. */
  readonly broken: BreakSignal = new BreakSignal();
  readonly incoming: ReceiveQueue<ReceivedMessage<T>> = new ReceiveQueue(() => this.outgoing.flush());
  readonly outgoing: SendQueue<ReceivedMessage<T>>;

  constructor(maxBufferedItems: number) {
    const { incoming } = this;
    this.outgoing = new SendQueue({
      hasRoom: () => incoming.size < maxBufferedItems || incoming.hasWaitingReader,
      accept: (message) => incoming.push(message),
      end: () => incoming.end(),
    });
  }
}

class MemoryEnd<Out extends {}, In extends {}> extends BaseStream<Out, In> {
  readonly carriesMetadata = true;
  readonly #attributes: Attributes;
  readonly #output: Direction<Out>;
  readonly #input: Direction<In>;

  constructor(output: Direction<Out>, input: Direction<In>, attributes: Attributes) {
    super();
    this.#output = output;
    this.#input = input;
    this.#attributes = attributes;
  }

  override get brokenSignal(): BreakSignal {
    return this.#input.broken;
  }

  override get extraAttributes(): Attributes {
    return this.#attributes;
  }

  send(data: Out, options?: SendOptions): Promise<void> {
    const refusal = itemRefusal(data);
    if (refusal !== undefined) return Promise.reject(refusal);
    if (options?.metadata === undefined) return this.#output.outgoing.send({ data, metadata: Metadata.empty }, options);
    try {
      // Both ends are in one process: the metadata that the receiver gets must not change when the sender uses its
      // object again.
      const given = Metadata.from(options.metadata);
      return this.#output.outgoing.send({ data, metadata: given.frozen ? given : given.clone().freeze() }, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  receive(options?: WaitOptions): Promise<In | undefined> {
    return this.#input.incoming.take(options).then(dataOf);
  }

  override receiveWithMetadata(options?: WaitOptions): Promise<ReceivedMessage<In> | undefined> {
    return this.#input.incoming.take(options);
  }

  abort(reason?: unknown): void {
    if (this.#output.outgoing.ended && this.#input.incoming.endTaken) return;
    const closed = new ClosedStreamError(`this end was aborted: ${reasonText(reason)}`);
    const broken = new BrokenStreamError(`the other end was aborted: ${reasonText(reason)}`, {
      code: "ABORTED",
      cause: reason,
    });
    // First the sends, then the queues that they fill: room that becomes free must let nothing in.
    this.#output.outgoing.fail(closed);
    this.#input.outgoing.fail(broken);
    this.#output.incoming.fail(broken);
    this.#input.incoming.close(closed);
    const otherHasEnded = this.#input.outgoing.ended && this.#output.incoming.endTaken;
    if (!this.#input.broken.aborted && !otherHasEnded) this.#output.broken.fire(broken);
  }

  protected endOutput(): Promise<void> {
    return this.#output.outgoing.end();
  }

  protected discardInput(): Promise<void> {
    return this.#input.incoming.discard();
  }
}
