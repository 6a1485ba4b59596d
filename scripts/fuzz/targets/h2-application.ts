/**
 * An application that does, at random but repeatably, what applications do with a connection, and what they should not.
 */
import { Connection, ErrorCode, H2Error, type HeaderField, type StreamReset } from "@trunkline/h2";
import { RecordingHandler } from "@trunkline/h2/testing";
import { Random } from "../../../packages/h2/test/support/random.js";
import { must } from "../target.js";

export const requestFields: readonly HeaderField[] = [
  { name: ":method", value: "POST" },
  { name: ":scheme", value: "http" },
  { name: ":path", value: "/fuzz" },
];
const responseFields: readonly HeaderField[] = [{ name: ":status", value: "200" }];

/** Settings small enough that random input meets the limits. */
export const localSettings = { maxConcurrentStreams: 20, initialWindowSize: 30_000, maxHeaderListSize: 2_000 } as const;
export const budgetBytes = 200_000;
/** Streams that a client opens before anything comes. */
export const openedFirst = 8;

export class RandomApplication extends RecordingHandler {
  readonly connection: Connection;
  readonly live: Set<number> = new Set();
  /** The bytes that were delivered and neither acknowledged nor released, by stream. */
  readonly #unread: Map<number, number> = new Map();
  readonly #random: Random;

  constructor(role: "client" | "server", seed: number) {
    super();
    this.#random = new Random(seed);
    const options = { role, settings: localSettings, limits: { maxBufferedBytesPerConnection: budgetBytes } };
    this.connection = new Connection(options, this);
    if (role === "client") for (let count = 0; count < openedFirst; count++) this.request(count % 2 === 0);
  }

  get unreadBytes(): number {
    let bytes = 0;
    for (const unread of this.#unread.values()) bytes += unread;
    return bytes;
  }

  /** A client's to do. */
  request(endStream: boolean): void {
    if (this.connection.role === "server") return;
    const stream = this.open(this.connection);
    if (stream === undefined) return;
    this.live.add(stream.id);
    stream.sendHeaders(requestFields, { endStream });
  }

  override onHeaders(streamId: number, fields: readonly HeaderField[], endStream: boolean): void {
    super.onHeaders(streamId, fields, endStream);
    this.live.add(streamId);
    this.#act(streamId);
  }

  override onData(streamId: number, data: Uint8Array, endStream: boolean): void {
    must(this.live.has(streamId), `data on stream ${streamId} after its release`);
    super.onData(streamId, data, endStream);
    this.#unread.set(streamId, (this.#unread.get(streamId) ?? 0) + data.length);
    if (this.#random.chance(0.7)) this.#acknowledge(streamId, this.#random.below(data.length * 2 + 1));
    this.#act(streamId);
  }

  override onTrailers(streamId: number, fields: readonly HeaderField[]): void {
    must(this.live.has(streamId), `trailers on stream ${streamId} after its release`);
    super.onTrailers(streamId, fields);
    this.#act(streamId);
  }

  override onReset(streamId: number, reset: StreamReset): void {
    super.onReset(streamId, reset);
    must(this.live.has(streamId), `reset of stream ${streamId} after its release`);
    if (this.#random.chance(0.8)) this.#release(streamId);
  }

  /** Does what an application does by itself between events. */
  actByItself(now: number): void {
    const { connection } = this;
    const streamId = this.live.size === 0 ? undefined : this.#random.pick([...this.live]);
    switch (this.#random.below(16)) {
      case 0:
        this.request(this.#random.chance(0.5));
        break;
      case 1:
        connection.ping(now);
        break;
      case 2:
        if (this.#random.chance(0.1)) connection.goAway(ErrorCode.NO_ERROR);
        break;
      case 3:
        connection.handleTimeout(now);
        break;
      case 4:
        if (streamId !== undefined) this.#acknowledge(streamId, this.#random.below(50_000));
        break;
      case 5:
      case 6:
        if (streamId !== undefined) this.#act(streamId);
        break;
      default:
    }
  }

  finish(): void {
    for (const streamId of [...this.live]) this.#release(streamId);
  }

  #acknowledge(streamId: number, bytes: number): void {
    this.stream(streamId).acknowledge(bytes);
    this.#unread.set(streamId, Math.max(0, (this.#unread.get(streamId) ?? 0) - bytes));
  }

  #release(streamId: number): void {
    this.live.delete(streamId);
    this.#unread.delete(streamId);
    this.stream(streamId).release();
  }

  #act(streamId: number): void {
    const stream = this.stream(streamId);
    try {
      switch (this.#random.below(9)) {
        case 0:
          stream.sendHeaders(responseFields, { endStream: this.#random.chance(0.5) });
          break;
        case 1:
          stream.sendData(new Uint8Array(this.#random.below(40_000)), {
            endStream: this.#random.chance(0.3),
          });
          break;
        case 2:
          stream.sendHeaders([{ name: "x", value: "y" }], { endStream: true });
          break;
        case 3:
          stream.reset(ErrorCode.CANCEL);
          break;
        case 4:
          this.#release(streamId);
          break;
        case 5:
          void stream.isWritable;
          break;
        case 6:
          stream.sendHeaders([{ name: ":status", value: "103" }], { endStream: false });
          break;
        case 7:
          stream.extendWindow(this.#random.below(60_000));
          break;
        default:
      }
    } catch (error) {
      // An application at random also misuses the connection; it must be told so, and by this class.
      must(error instanceof H2Error && error.scope === "usage", `misuse is told by ${String(error)}`);
    }
  }
}
