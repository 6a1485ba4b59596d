/**
 * The table of streams: which there are, which identifiers were used, and which streams ended lately. It is the only
 * place that changes the state of a stream.
 */
import { max31Bit } from "../frame/types.js";
import { nextState, type StreamEvent } from "../stream/state.js";
import type { Stream } from "../stream/stream.js";
import { IdMap } from "./id-map.js";
import { WidestWindows } from "./widest-windows.js";

/**
 * The number of ended streams that are remembered, to tell a frame on an ended stream from one on a skipped identifier.
 */
const rememberedEnds = 256;

export class StreamTable {
  readonly #role: "client" | "server";
  readonly #streams: IdMap<Stream> = new IdMap();
  #nextLocalId: number;
  /** The highest identifier that the peer has opened. */
  highestPeerId = 0;
  /** The number of our streams that count against the limit of the peer: begun and not closed. */
  localOpen = 0;
  /** The number of streams of the peer that hold a slot: not closed, or still held by the application. */
  peerHeld = 0;
  /** The number of streams ever begun, by either side. */
  begun = 0;
  /** The streams that ended last, in a ring once there were so many. */
  readonly #endedLately: number[] = [];
  #endedCount = 0;
  /** The widest send windows. */
  readonly widest: WidestWindows = new WidestWindows();
  /** The last of our streams that the peer's GOAWAYs have left. */
  #cutOffAt = Number.POSITIVE_INFINITY;

  constructor(role: "client" | "server") {
    this.#role = role;
    this.#nextLocalId = role === "client" ? 1 : 2;
  }

  get size(): number {
    return this.#streams.size;
  }

  get(id: number): Stream | undefined {
    return this.#streams.get(id);
  }

  /** Returns all of them in the order of their identifiers, for rare events that concern each. */
  all(): Stream[] {
    return this.#streams.values().sort(byId);
  }

  /**
   * Returns our own streams past `lastId`, which the peer's GOAWAY has named: in the order of their identifiers.
   * However often the peer names a lower one, each identifier is looked at once.
   */
  localAbove(lastId: number): Stream[] {
    const highest = Math.min(this.#cutOffAt, this.#nextLocalId - 2);
    const first = lastId + 1 + (this.isLocal(lastId + 1) ? 0 : 1);
    this.#cutOffAt = Math.min(this.#cutOffAt, lastId);
    if ((highest - first) / 2 > this.size)
      return this.all().filter(({ id }) => id > lastId && id <= highest && this.isLocal(id));
    const streams: Stream[] = [];
    for (let id = first; id <= highest; id += 2) {
      const stream = this.#streams.get(id);
      if (stream !== undefined) streams.push(stream);
    }
    return streams;
  }

  /** Returns the identifier of our next stream, or undefined when all 2^30 are used. */
  nextLocalId(): number | undefined {
    return this.#nextLocalId > max31Bit ? undefined : this.#nextLocalId;
  }

  addLocal(stream: Stream): void {
    this.#nextLocalId = stream.id + 2;
    this.localOpen += 1;
    this.begun += 1;
    this.#streams.add(stream.id, stream);
  }

  addPeer(stream: Stream): void {
    this.highestPeerId = stream.id;
    this.peerHeld += 1;
    this.begun += 1;
    this.#streams.add(stream.id, stream);
  }

  isLocal(id: number): boolean {
    return (id & 1) === (this.#role === "client" ? 1 : 0);
  }

  /** Returns whether nothing was sent or received yet on this identifier. */
  isIdle(id: number): boolean {
    if (!this.isLocal(id)) return id > this.highestPeerId;
    return id >= this.#nextLocalId || this.#streams.get(id)?.state === "idle";
  }

  /** Changes the state of a stream by an event. Returns false where the event is not allowed in that state. */
  apply(stream: Stream, event: StreamEvent): boolean {
    const next = nextState(stream.state, event);
    if (next === undefined) return false;
    stream.state = next;
    if (next === "closed") {
      if (this.isLocal(stream.id)) this.localOpen -= 1;
      this.#endedLately[this.#endedCount % rememberedEnds] = stream.id;
      this.#endedCount += 1;
    }
    return true;
  }

  endedLately(id: number): boolean {
    return this.#endedLately.includes(id);
  }

  /** Removes a stream that is closed and released. Returns false where it was removed before. */
  remove(stream: Stream): boolean {
    if (!this.#streams.delete(stream.id)) return false;
    this.widest.forget(stream);
    if (!this.isLocal(stream.id)) this.peerHeld -= 1;
    return true;
  }
}

function byId(one: Stream, other: Stream): number {
  return one.id - other.id;
}
