/** The tools of the suite: a pair for each test, items made of bytes, and assertions that need no framework. */

import { VirtualClock } from "@trunkline/base/testing";
import { BrokenStreamError } from "../../contract/errors.js";
import {
  maxPendingSends,
  type ObjectStream,
  type ReceivedMessage,
  type SendOptions,
  type WaitOptions,
} from "../../contract/stream.js";
import type { ComplianceOptions, ComplianceTest, ItemCodec } from "./options.js";

const identity: ItemCodec = { toItem: (bytes) => bytes, toBytes: (item) => item as Uint8Array };

export async function microtasks(count: number = 50): Promise<void> {
  for (let turn = 0; turn < count; turn++) await Promise.resolve();
}

/** One end under test, as a stream of bytes. */
export class End {
  constructor(stream: ObjectStream<{}>, codec: ItemCodec) {
    this.stream = stream;
    this.#codec = codec;
  }

  readonly stream: ObjectStream<{}>;
  readonly #codec: ItemCodec;
  #rest: Uint8Array = new Uint8Array(0);

  send(bytes: Uint8Array, options?: SendOptions): Promise<void> {
    return this.stream.send(this.#codec.toItem(bytes), options);
  }

  async receive(options?: WaitOptions): Promise<Uint8Array | undefined> {
    const item = await this.stream.receive(options);
    return item === undefined ? undefined : this.#codec.toBytes(item);
  }

  async receiveWithMetadata(options?: WaitOptions): Promise<ReceivedMessage<Uint8Array> | undefined> {
    const message = await this.stream.receiveWithMetadata(options);
    return message === undefined ? undefined : { data: this.#codec.toBytes(message.data), metadata: message.metadata };
  }

  toBytes(item: {}): Uint8Array {
    return this.#codec.toBytes(item);
  }

  /** Receives at most `maxBytes` of a byte stream. The rest of a chunk is kept for the next call. */
  async receiveUpTo(maxBytes: number): Promise<Uint8Array | undefined> {
    const chunk = this.#rest.length > 0 ? this.#rest : await this.receive();
    if (chunk === undefined) return undefined;
    check(chunk.length > 0, "no empty chunk from a byte stream");
    this.#rest = chunk.subarray(maxBytes);
    return chunk.subarray(0, maxBytes);
  }

  /** Receives the end, which must come next. */
  async receiveEnd(): Promise<void> {
    check(this.#rest.length === 0, `the end, but there are ${this.#rest.length} bytes more`);
    const item = await this.receive();
    check(item === undefined, `the end, but got ${item?.length} bytes`);
  }
}

/** The options with their defaults. */
export interface Traits {
  readonly keepsBoundaries: boolean;
  readonly halfClose: "both" | "first" | "none";
  readonly disposal: "close" | "abort";
  readonly abortIsSeen: boolean;
  readonly keepsTime: boolean;
  readonly maxItemBytes: number;
  readonly maxUnreadBytes: number;
  /** A block of which 128 or more are as many bytes as may be accepted and not read. */
  readonly block: Uint8Array;
  settle(): Promise<void>;
}

export function traitsOf(given: ComplianceOptions): Traits {
  const { maxUnreadBytes = 16 * 1024 * 1024 } = given;
  return {
    keepsBoundaries: given.keepsBoundaries ?? true,
    halfClose: given.halfClose ?? "both",
    disposal: given.disposal ?? "close",
    abortIsSeen: given.abortIsSeen ?? true,
    keepsTime: given.keepsTime ?? true,
    maxItemBytes: given.maxItemBytes ?? 4 * 1024 * 1024,
    maxUnreadBytes,
    block: blockOf(Math.min(largestBlockBytes, Math.ceil(maxUnreadBytes / 128))),
    settle: given.settle?.bind(given) ?? microtasks,
  };
}

/** The pair of one test, with its clock and options. */
export interface Setup {
  readonly first: End;
  readonly second: End;
  readonly clock: VirtualClock;
  readonly traits: Traits;
  /** The function that counts listeners; absent where the pair has none. */
  readonly listenerCount: (() => number) | undefined;
}

/** Makes a test over one pair, which is aborted and released afterwards. */
export function pairTest(
  given: ComplianceOptions,
  title: string,
  body: (setup: Setup) => Promise<void>,
): ComplianceTest {
  return {
    title,
    async run() {
      const clock = new VirtualClock();
      const pair = await given.connect(clock);
      const codec = given.codec ?? identity;
      try {
        await body({
          first: new End(pair.first, codec),
          second: new End(pair.second, codec),
          clock,
          traits: traitsOf(given),
          listenerCount: pair.listenerCount?.bind(pair),
        });
      } finally {
        pair.first.abort(new Error("the test is over"));
        pair.second.abort(new Error("the test is over"));
        await pair.release?.();
      }
    },
  };
}

/** Makes two tests of one body: from the first end to the second, and from the second to the first. */
export function bothWays(
  given: ComplianceOptions,
  title: string,
  body: (from: End, to: End, setup: Setup) => Promise<void>,
): ComplianceTest[] {
  return [
    pairTest(given, `${title} (first to second)`, (setup) => body(setup.first, setup.second, setup)),
    pairTest(given, `${title} (second to first)`, (setup) => body(setup.second, setup.first, setup)),
  ];
}

/** The number of bytes after which a pattern repeats itself. */
const patternPeriod = 65_536;

/** Returns `length` bytes that differ from one `seed` to another, and from one index to another. */
export function pattern(seed: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  const first = Math.min(length, patternPeriod);
  for (let index = 0; index < first; index++) bytes[index] = seed * 31 + index * 7 + (index >>> 8);
  for (let done = first; done < length; done *= 2) bytes.copyWithin(done, 0, Math.min(done, length - done));
  return bytes;
}

export function check(condition: boolean, expectation: string): asserts condition {
  if (!condition) throw new Error(`expected ${expectation}`);
}

export function checkBytes(actual: Uint8Array | undefined, expected: Uint8Array, what: string): void {
  check(actual !== undefined, `${what}, but the stream ended`);
  check(actual.length === expected.length, `${what} of ${expected.length} bytes, but got ${actual.length}`);
  const index = firstDifference(actual, expected);
  check(index === actual.length, `${what} as it was sent, but the byte at index ${index} differs`);
}

/**
 * Returns the first index at which two arrays of one length differ, or their length. Most of the bytes of the suite
 * pass here: where both are aligned alike, they are compared by words.
 */
function firstDifference(one: Uint8Array, other: Uint8Array): number {
  let index = 0;
  if (one.byteOffset % 4 === 0 && other.byteOffset % 4 === 0) {
    const words = one.length >>> 2;
    const ones = new Int32Array(one.buffer, one.byteOffset, words);
    const others = new Int32Array(other.buffer, other.byteOffset, words);
    let word = 0;
    while (word < words && ones[word] === others[word]) word++;
    index = word * 4;
  }
  while (index < one.length && one[index] === other[index]) index++;
  return index;
}

/** Receives exactly the items, however they are cut if the stream does not keep boundaries. */
export async function receiveItems(end: End, items: readonly Uint8Array[], { traits }: Setup): Promise<void> {
  for (const [index, item] of items.entries()) {
    if (traits.keepsBoundaries) {
      checkBytes(await end.receive(), item, `item ${index}`);
      continue;
    }
    for (let taken = 0; taken < item.length; ) {
      const chunk = await end.receiveUpTo(item.length - taken);
      check(chunk !== undefined, `item ${index} of ${item.length} bytes, but the stream ended after ${taken}`);
      checkBytes(chunk, item.subarray(taken, taken + chunk.length), `item ${index} from byte ${taken}`);
      taken += chunk.length;
    }
  }
}

/** Sends the items one after another, and the end. */
export async function sendAll(end: End, items: readonly Uint8Array[]): Promise<void> {
  for (const item of items) await end.send(item);
  await end.stream.sendEof();
}

/** Receives the remaining items, up to the error that must come. */
export async function receiveBreak(end: End): Promise<BrokenStreamError> {
  for (;;) {
    let item: Uint8Array | undefined;
    try {
      item = await end.receive();
    } catch (error) {
      check(error instanceof BrokenStreamError, `BrokenStreamError, but receive rejected with ${String(error)}`);
      return error;
    }
    check(item !== undefined, "an error, since the other side did not end, but got the end");
  }
}

/** Sends until a send is refused: a broken connection may take some items before the break is noticed. */
export async function sendUntilBroken(end: End, { traits }: Setup): Promise<void> {
  for (let attempt = 0; attempt < 1_000; attempt++) {
    try {
      await end.send(pattern(attempt, 1_000));
    } catch (error) {
      check(error instanceof BrokenStreamError, `BrokenStreamError, but send rejected with ${String(error)}`);
      return;
    }
    await traits.settle();
  }
  throw new Error("expected send to reject after the other side has aborted");
}

/** Returns the error with which a promise rejects, which must be of the class. */
export async function rejection<E extends Error>(
  promise: Promise<unknown>,
  type: new (...args: never[]) => E,
  what: string,
): Promise<E> {
  let outcome: unknown;
  try {
    outcome = await promise;
  } catch (error) {
    check(error instanceof type, `${what} to reject with ${type.name}, but it rejected with ${String(error)}`);
    return error;
  }
  const resolved = outcome === undefined ? "undefined" : "a value";
  throw new Error(`expected ${what} to reject with ${type.name}, but it resolved with ${resolved}`);
}

const largestBlockBytes = 64 * 1024;
const blocks = new Map<number, Uint8Array>();

/** Returns one block for each length, since codecs of items may know it again. */
function blockOf(length: number): Uint8Array {
  const block = blocks.get(length) ?? pattern(1, length);
  blocks.set(length, block);
  return block;
}

/** Returns the number of blocks that are as many bytes as may be accepted and not read. */
export function blocksOfRoom({ block, maxUnreadBytes }: Traits): number {
  return Math.ceil(maxUnreadBytes / block.length);
}

/** Returns a number of blocks of which not all are accepted before some are read. */
export function moreThanRoom(traits: Traits): number {
  return Math.ceil(blocksOfRoom(traits) * 1.25);
}

/** Makes more sends at once than may wait, so that all room is taken and the last of them are refused. */
export function fill(end: End, traits: Traits): Promise<unknown>[] {
  const { block } = traits;
  return Array.from({ length: blocksOfRoom(traits) + maxPendingSends + 1 }, () =>
    end.send(block).then(
      () => undefined,
      (error: unknown) => error,
    ),
  );
}

/** Marks a promise as handled that is awaited only later. */
export function later<T>(work: PromiseLike<T>): Promise<T> {
  const promise = Promise.resolve(work);
  promise.catch(() => {});
  return promise;
}
