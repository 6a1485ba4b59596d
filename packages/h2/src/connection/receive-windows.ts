/**
 * Flow control of what the peer sends (RFC 9113 §6.9).
 *
 * The stream window is credited as the application consumes, so that a slow reader stops its own sender. The
 * connection window is credited on receipt, so that one slow stream never stalls the others, as long as what is
 * received and unread stays in the budget: unread bytes and the offered connection window together never pass
 * `maxBufferedBytesPerConnection`.
 *
 * A stream's window doubles when a quarter of it was consumed within two round trips: then the window, not the
 * reader, is what holds the sender back. It never grows for a reader that does not keep up.
 */
import { max31Bit } from "../frame/types.js";
import { type ByteBudget, guaranteedBytes } from "../options/byte-budget.js";
import type { ResolvedLimits } from "../options/limits.js";
import { protocolInitialWindow, ReceiveWindow } from "../stream/flow.js";
import type { Stream } from "../stream/stream.js";
import { Assemblies } from "./assemblies.js";
import type { Output } from "./output.js";
import type { Pings } from "./pings.js";

/**
 * Messages in the making may pass the budget by this part of it, so that the oldest can be finished whatever the others
 * hold: 8 MiB of the default budget, twice the largest message that gRPC takes by default.
 */
const overdraft = 0.25;
/** The smallest offer, a frame: smaller ones would make a sender cut its data into small pieces. */
const smallestOffer = 16_384;
/** The age at which a measured round trip is measured again. */
const roundTripMaxAgeMs = 10_000;

export class ReceiveWindows {
  readonly #output: Output;
  readonly #pings: Pings;
  readonly #nowMs: () => number;
  readonly #maxStreamWindow: number;
  readonly #budget: number;
  readonly #assemblyTimeoutMs: number;
  readonly #shared: ByteBudget | undefined;
  /** Wakes the driver, which reads again. */
  readonly #onBudgetFree = (): void => this.#output.announce();
  readonly connection: ReceiveWindow = new ReceiveWindow({ bytes: protocolInitialWindow });
  /** The bytes received and unread, over all streams. */
  unreadBytes = 0;
  /** The messages in the making; undefined on a connection that has never had one. */
  assemblies: Assemblies | undefined = undefined;
  /** The bytes by which stream windows have grown past their first size, over all streams. */
  #grownBytes = 0;

  /** `nowMs` is asked when a window is credited: readers consume between the calls that tell the time. */
  constructor(output: Output, pings: Pings, limits: ResolvedLimits, nowMs: () => number) {
    this.#output = output;
    this.#nowMs = nowMs;
    this.#pings = pings;
    this.#maxStreamWindow = limits.maxStreamWindow;
    this.#budget = limits.maxBufferedBytesPerConnection;
    this.#shared = limits.receiveBudget;
    this.#assemblyTimeoutMs = limits.messageBudgetTimeoutMs;
    // Half of the budget may be on its way; the other half is for what waits to be read.
    const size = Math.min(max31Bit, Math.max(protocolInitialWindow, Math.floor(this.#budget / 2)));
    this.connection.grown = size - protocolInitialWindow;
  }

  /**
   * Takes a DATA frame's length, padding included, out of the connection window. False: the peer sent more than that.
   */
  receivedOnConnection(bytes: number): boolean {
    return this.connection.take(bytes);
  }

  /**
   * Takes a DATA frame out of the window of its stream; `padding` needs no reader and is credited at once. Returns
   * false where the peer sent more than it was granted.
   */
  receivedOnStream(stream: Stream, bytes: number, padding: number, now: number): boolean {
    if (!stream.receiveWindow.take(bytes)) return false;
    if (stream.creditedAt === undefined) stream.creditedAt = now;
    const content = bytes - padding;
    stream.receivedBytes += content;
    stream.unreadBytes += content;
    stream.consumedBytes += padding;
    this.#countUnread(content);
    const { assembly } = stream;
    if (assembly !== undefined) {
      if (assembly.extended) {
        stream.awaitedBytes += content;
        this.#keepPace(stream, content, now);
      }
      this.assemblies?.received(assembly, content, this.unreadBytes, now);
    }
    if (padding > 0) this.#creditStream(stream);
    this.creditConnection();
    return true;
  }

  /** Credits `bytes` of the stream that the application has consumed. */
  consumed(stream: Stream, bytes: number): void {
    const counted = Math.min(bytes, stream.unreadBytes);
    stream.unreadBytes -= counted;
    this.#countUnread(-counted);
    // What the window was extended by is used up, and not granted again.
    const extension = Math.min(stream.extendedBytes, counted);
    stream.extendedBytes -= extension;
    stream.consumedBytes += counted - extension;
    // What was awaited has counted for the reader's pace when it came.
    const awaited = Math.min(stream.awaitedBytes, counted);
    stream.awaitedBytes -= awaited;
    stream.paceBytes += counted - awaited;
    this.#creditStream(stream);
    const { assemblies } = this;
    if (assemblies !== undefined && assemblies.deadline !== Number.POSITIVE_INFINITY)
      assemblies.extendWaiting(this.unreadBytes, this.#nowMs());
    this.creditConnection();
  }

  /** Extends the stream for a message of which `bytes` more have to come. @returns whether it was extended at once */
  extend(stream: Stream, bytes: number): boolean {
    if (!stream.remoteOpen || stream.released || !(bytes > 0)) return true;
    this.assemblies ??= new Assemblies(this.#budget, this.#assemblyTimeoutMs, (one, lacking) =>
      this.#extend(one, lacking),
    );
    const extended = this.assemblies.begin(stream, bytes, this.unreadBytes, this.#nowMs());
    this.creditConnection();
    return extended;
  }

  /** Forgets the message of a stream that will not be whole. */
  endAssembly(stream: Stream): void {
    this.assemblies?.end(stream, this.unreadBytes, this.#nowMs());
    this.creditConnection();
  }

  /** Lets the peer send `bytes` more of a message, and grants with it what was consumed before. */
  #extend(stream: Stream, bytes: number): void {
    const window = stream.receiveWindow;
    const lacking = Math.min(bytes - window.available, max31Bit - window.available);
    if (lacking <= 0) return;
    const consumed = Math.min(lacking, stream.consumedBytes);
    stream.consumedBytes -= consumed;
    stream.extendedBytes += lacking - consumed;
    window.granted += lacking;
    this.#output.windowUpdate(stream.id, lacking);
  }

  /** Forgets a stream: its unread bytes, and what its window had grown by, are free again. */
  forget(stream: Stream): void {
    this.#grownBytes -= stream.receiveWindow.grown;
    this.#countUnread(-stream.unreadBytes);
    stream.unreadBytes = 0;
    this.creditConnection();
  }

  /** The connection is over: it reads no more, whatever room there is. */
  close(): void {
    this.#shared?.forget(this.#onBudgetFree);
  }

  #countUnread(bytes: number): void {
    this.unreadBytes += bytes;
    const shared = this.#shared;
    if (shared === undefined) return;
    shared.add(bytes);
    if (bytes > 0 && shared.isFull && this.unreadBytes > guaranteedBytes) {
      shared.whenFree(this.#onBudgetFree);
      this.assemblies?.hurry(this.#nowMs());
    }
  }

  /** Offers what the budget allows: right after the first SETTINGS, and whenever bytes have come or gone. */
  creditConnection(): void {
    const window = this.connection;
    // The way of most frames: less than an eighth is missing, and no budget could make it more.
    if (window.size - window.available < window.size >>> 3) return;
    const room = this.#budget - this.unreadBytes;
    const oldest = Math.min(this.assemblies?.oldestBytes ?? 0, room + this.#budget * overdraft);
    const offer = Math.min(window.size, Math.max(room, oldest)) - window.available;
    // In steps of an eighth: few frames, and a sender at full speed still has seven eighths ahead of it. Where unread
    // bytes leave little to offer, in steps that the sender can use, or it would stand still below an eighth.
    if (offer < Math.min(window.size >>> 3, Math.max(smallestOffer, window.available))) return;
    window.granted += offer;
    this.#output.windowUpdate(0, offer);
  }

  #creditStream(stream: Stream): void {
    if (!stream.remoteOpen) return;
    const window = stream.receiveWindow;
    if (stream.consumedBytes < window.size >>> 2 || stream.consumedBytes === 0) return;
    const now = this.#nowMs();
    const increment = stream.consumedBytes + this.#growth(stream, now);
    stream.consumedBytes = 0;
    window.granted += increment;
    this.#output.windowUpdate(stream.id, increment);
  }

  /** Counts received bytes that the reader waits for: they show its pace before it has consumed them. */
  #keepPace(stream: Stream, bytes: number, now: number): void {
    stream.paceBytes += bytes;
    if (!stream.remoteOpen) return;
    const more = this.#growth(stream, now);
    if (more === 0) return;
    stream.receiveWindow.granted += more;
    this.#output.windowUpdate(stream.id, more);
  }

  /** Doubles the window where the reader's pace asks for it. @returns the bytes that this adds */
  #growth(stream: Stream, now: number): number {
    const window = stream.receiveWindow;
    if (stream.paceBytes < window.size >>> 2) return 0;
    const grows = this.#mayGrow(stream, now);
    stream.paceBytes = 0;
    stream.creditedAt = now;
    if (!grows) return 0;
    const more = window.double();
    this.#grownBytes += more;
    return more;
  }

  #mayGrow(stream: Stream, now: number): boolean {
    const { size } = stream.receiveWindow;
    if (size === 0 || size * 2 > this.#maxStreamWindow || this.#grownBytes + size > this.#budget / 2) return false;
    const pings = this.#pings;
    if (now - pings.measuredAt > roundTripMaxAgeMs) pings.send(now);
    if (pings.roundTripMs === undefined) return false;
    return now - (stream.creditedAt as number) <= 2 * pings.roundTripMs;
  }
}
