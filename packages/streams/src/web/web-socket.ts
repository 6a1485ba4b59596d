/** A WebSocket as a stream: a message is an item. */

import { type Clock, checkOptionNames, numberInRange, optionNames, reasonText } from "@trunkline/base";
import type { Attributes } from "../contract/attributes.js";
import { streamClock } from "../contract/clock.js";
import { BrokenStreamError, ClosedStreamError } from "../contract/errors.js";
import type { ObjectStream, SendOptions, WaitOptions } from "../contract/stream.js";
import { BaseStream } from "../kit/base-stream.js";
import { BreakSignal } from "../kit/break-signal.js";
import { bytesRefusal, textRefusal } from "../kit/item.js";
import { metadataRefusal } from "../kit/metadata-refusal.js";
import { ReceiveQueue } from "../kit/receive-queue.js";
import { SendQueue } from "../kit/send-queue.js";
import { webClock } from "./web-clock.js";
import { type Control, costOf, encodeControl, parseControl, Windows } from "./web-socket-in-band.js";
import {
  closeReason,
  isPausable,
  type PausableWebSocket,
  type WebSocketEventLike,
  type WebSocketLike,
} from "./web-socket-like.js";

/** Options of `streamFromWebSocket`. */
export interface WebSocketOptions {
  /**
   * The type of the items: `Uint8Array` or `string`. A message of the other kind breaks the stream. Default `"binary"`.
   */
  readonly type?: "binary" | "text";
  /**
   * True where both ends are streams of this package and both choose it: then there is half-close and backpressure in
   * both directions, whatever the object can do. `web-socket-in-band.ts` describes the control messages. Default false.
   */
  readonly inBand?: boolean;
  /**
   * The close codes that count as an end; any other one breaks the stream. Default `[1000]`. 1005 is a `close()`
   * without a code.
   */
  readonly endCodes?: readonly number[];
  /**
   * The limit of the bytes that lie unread, and of those that wait in the object to be sent; a message counts as 1 KiB
   * at least. At the limit a socket of `ws` is paused. The standard object cannot be paused: there the stream breaks
   * (`BUFFER_OVERFLOW`), unless `inBand` is set. Default 1 MiB.
   */
  readonly maxBufferedBytes?: number;
  /** The clock for the time limit of `close()`. Default: real time. */
  readonly clock?: Clock;
  /** Further attributes of the connection. */
  readonly attributes?: Attributes;
}

const webSocketOptionNames = optionNames<WebSocketOptions>({
  type: true,
  inBand: true,
  endCodes: true,
  maxBufferedBytes: true,
  clock: true,
  attributes: true,
});

/** The close code of an abort: the first of the codes for applications (RFC 6455 §7.4.2). */
export const abortCloseCode = 4_000;

/** The time between two looks at `bufferedAmount` while a send waits: the standard object has no event for it. */
const drainPollMs = 4;

/**
 * Makes a stream of a WebSocket, which belongs to the stream from now on and may still be connecting. `abort` closes it
 * with 4000 and the reason, cut to 123 bytes, or cuts the connection where much is still to be sent or the other side
 * does not answer.
 *
 * Without `inBand` the end is close 1000, which ends both directions, since a WebSocket has no half-close: messages
 * that this side has not received when it ends may be lost, and later sends of the other side reject. A string with
 * half a surrogate pair is refused, since a WebSocket would replace it by U+FFFD.
 * @throws TypeError if the WebSocket is closing or closed, RangeError for `maxBufferedBytes` below 1
 */
export function streamFromWebSocket(
  socket: WebSocketLike,
  options: WebSocketOptions & { readonly type: "text" },
): ObjectStream<string>;
export function streamFromWebSocket(
  socket: WebSocketLike,
  options?: WebSocketOptions & { readonly type?: "binary" },
): ObjectStream<Uint8Array>;
export function streamFromWebSocket(
  socket: WebSocketLike,
  options: WebSocketOptions = {},
): ObjectStream<Uint8Array> | ObjectStream<string> {
  checkOptionNames("streamFromWebSocket", options, webSocketOptionNames);
  const { type = "binary", maxBufferedBytes = 1_048_576 } = options;
  if (type !== "binary" && type !== "text")
    throw new TypeError(`type must be "binary" or "text", not ${JSON.stringify(type)}`);
  if (socket.readyState > 1) throw new TypeError("the WebSocket is closing or closed already");
  numberInRange("maxBufferedBytes", maxBufferedBytes, 1, Number.POSITIVE_INFINITY);
  // It takes and gives only items of its type.
  return new WebSocketStream(socket, options, maxBufferedBytes) as ObjectStream<never> as
    | ObjectStream<Uint8Array>
    | ObjectStream<string>;
}

type Item = Uint8Array | string;

class WebSocketStream extends BaseStream<Item> {
  readonly carriesMetadata = false;
  readonly #socket: WebSocketLike;
  /** The socket as an object of `ws`, if it is one. */
  readonly #pausable: PausableWebSocket | undefined;
  readonly #text: boolean;
  readonly #endCodes: readonly number[];
  readonly #maxBufferedBytes: number;
  readonly #windows: Windows | undefined;
  readonly #attributes: Attributes;
  readonly #broken: BreakSignal = new BreakSignal();
  readonly #incoming: ReceiveQueue<Item> = new ReceiveQueue((item) => this.#onTaken(item));
  readonly #outgoing: SendQueue<Item>;
  #unread = 0;
  #paused = false;
  #polling = false;
  #endReceived = false;
  /** The reason why the stream is over before its ends. */
  #failure: Error | undefined;
  /** Sends the end as soon as the socket is open. */
  #onOpen: (() => void) | undefined;

  constructor(socket: WebSocketLike, options: WebSocketOptions, maxBufferedBytes: number) {
    super();
    this.#socket = socket;
    this.#pausable = isPausable(socket) ? socket : undefined;
    this.#text = options.type === "text";
    this.#endCodes = options.endCodes ?? [1_000];
    this.#maxBufferedBytes = maxBufferedBytes;
    this.#windows = options.inBand === true ? new Windows() : undefined;
    this.#attributes = new Map([...(options.attributes ?? []), [streamClock, options.clock ?? webClock]]);
    this.#outgoing = new SendQueue({
      hasRoom: () => this.#hasRoom(),
      accept: (item) => this.#write(item),
      end: () => this.#end(),
    });
    socket.binaryType = this.#pausable === undefined ? "arraybuffer" : "nodebuffer"; // the latter is not copied
    socket.addEventListener("open", () => {
      this.#onOpen?.();
      this.#outgoing.flush();
    });
    socket.addEventListener("message", ({ data }) => this.#onMessage(data));
    socket.addEventListener("error", (event) => this.#onError(event));
    socket.addEventListener("close", (event) => this.#onClose(event));
  }

  override get brokenSignal(): BreakSignal {
    return this.#broken;
  }

  override get extraAttributes(): Attributes {
    return this.#attributes;
  }

  send(item: Item, options?: SendOptions): Promise<void> {
    const refusal =
      metadataRefusal("a WebSocket", options) ??
      (this.#text ? textRefusal("a text WebSocket", item) : bytesRefusal("a binary WebSocket", item));
    return refusal === undefined ? this.#outgoing.send(item, options) : Promise.reject(refusal);
  }

  receive(options?: WaitOptions): Promise<Item | undefined> {
    return this.#incoming.take(options);
  }

  abort(reason?: unknown): void {
    if (this.#failure !== undefined || (this.eofSent && this.#incoming.endTaken)) return;
    const closed = new ClosedStreamError(`the stream was aborted: ${reasonText(reason)}`);
    this.#failure = closed;
    this.#outgoing.fail(closed);
    this.#incoming.close(closed);
    this.#closeWith(reasonText(reason));
  }

  protected endOutput(): Promise<void> {
    // The other side's close was answered with one, which is also this side's end.
    if (this.#endReceived && this.#windows === undefined) return Promise.resolve();
    return this.#outgoing.end();
  }

  protected discardInput(): Promise<void> {
    return this.#incoming.discard();
  }

  #closeWith(reason: string): void {
    const socket = this.#socket;
    if (this.#pausable !== undefined && (socket.readyState === 2 || socket.bufferedAmount > 0)) {
      this.#pausable.terminate(); // a close frame would wait behind everything else
      return;
    }
    this.#pausable?.resume(); // so that the other side's answer is seen
    if (socket.readyState < 2) socket.close(abortCloseCode, closeReason(reason));
  }

  // Sending.

  #hasRoom(): boolean {
    const { readyState, bufferedAmount } = this.#socket;
    if (readyState !== 1 || this.#windows?.maySend === false) return false;
    if (bufferedAmount < this.#maxBufferedBytes) return true;
    if (this.#pausable === undefined) this.#pollUntilDrained();
    return false;
  }

  #write(item: Item): void {
    this.#windows?.onSent(item);
    if (this.#pausable === undefined) this.#socket.send(item as string);
    else this.#pausable.send(item, () => this.#outgoing.flush());
  }

  #pollUntilDrained(): void {
    if (this.#polling) return;
    this.#polling = true;
    webClock.at(
      webClock.nowMs() + drainPollMs,
      () => {
        this.#polling = false;
        if (this.#failure === undefined) this.#outgoing.flush();
      },
      "work",
    );
  }

  #control(control: Control): void {
    const text = encodeControl(control);
    this.#socket.send(this.#text ? new TextEncoder().encode(text) : text);
  }

  async #end(): Promise<void> {
    if (this.#socket.readyState === 0) {
      await new Promise<void>((resolve) => {
        this.#onOpen = resolve;
      });
    }
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#windows === undefined) {
      this.#socket.close(1_000);
      return;
    }
    this.#control({ kind: "end" });
    if (this.#endReceived) this.#socket.close(1_000);
  }

  // Receiving.

  #onMessage(data: unknown): void {
    if (this.#failure !== undefined) return;
    const item = typeof data === "string" ? data : bytesOf(data);
    if (item === undefined) {
      this.#break("UNEXPECTED_MESSAGE", `the other side sent a message of ${Object.prototype.toString.call(data)}`);
    } else if ((typeof item === "string") !== this.#text) {
      this.#onOtherKind(item);
    } else if (this.#endReceived) {
      this.#break("UNEXPECTED_MESSAGE", "the other side sent a message after its end");
    } else if (this.#windows?.onReceived(item) === false) {
      this.#break("BUFFER_OVERFLOW", "the other side sent more than was read and allowed");
    } else {
      this.#unread += costOf(item);
      this.#incoming.push(item);
      if (this.#unread >= this.#maxBufferedBytes && this.#windows === undefined) this.#holdBack();
    }
  }

  #holdBack(): void {
    if (this.#pausable !== undefined) {
      this.#paused = true;
      this.#pausable.pause();
    } else if (this.#unread > this.#maxBufferedBytes) {
      this.#break(
        "BUFFER_OVERFLOW",
        `${this.#unread} bytes lie unread, more than maxBufferedBytes (${this.#maxBufferedBytes})`,
      );
    }
  }

  #onTaken(item: Item): void {
    this.#unread -= costOf(item);
    const cost = this.#windows?.onRead(item);
    if (cost !== undefined && this.#socket.readyState === 1) this.#control({ kind: "read", cost });
    if (this.#paused && this.#unread * 2 <= this.#maxBufferedBytes) {
      this.#paused = false;
      this.#pausable?.resume();
    }
  }

  #onOtherKind(item: Item): void {
    if (this.#windows === undefined) {
      this.#break(
        "UNEXPECTED_MESSAGE",
        `the other side sent a ${this.#text ? "binary" : "text"} message on a ${this.#text ? "text" : "binary"} stream`,
      );
      return;
    }
    // A longer message is no control message and need not be decoded.
    const control =
      item.length > 32 ? undefined : parseControl(typeof item === "string" ? item : new TextDecoder().decode(item));
    if (control === undefined) {
      this.#break(
        "UNEXPECTED_MESSAGE",
        "the other side sent an unknown control message; inBand needs a stream of this package at both ends",
      );
    } else if (control.kind === "read") {
      if (this.#windows.onReport(control.cost)) this.#outgoing.flush();
      else
        this.#break(
          "UNEXPECTED_MESSAGE",
          `the other side reports ${control.cost} as read, which is more than was sent`,
        );
    } else {
      this.#endReceived = true;
      this.#incoming.end();
      if (this.#outgoing.ended) this.#socket.close(1_000);
    }
  }

  // Ends and breaks.

  #onError({ message }: WebSocketEventLike): void {
    if (this.#failure === undefined && this.#socket.readyState !== 1) {
      this.#broke(new BrokenStreamError(`the WebSocket is broken${message ? `: ${message}` : ""}`));
    }
  }

  #onClose({ code = 1_006, reason = "" }: WebSocketEventLike): void {
    this.#onOpen?.();
    if (this.#failure !== undefined || (this.#endReceived && this.#outgoing.ended)) return;
    if (this.#windows === undefined && this.#endCodes.includes(code)) {
      this.#endReceived = true;
      this.#incoming.end();
      if (!this.#outgoing.ended)
        this.#outgoing.fail(
          new BrokenStreamError("the other side has closed the WebSocket", { code: "OTHER_SIDE_ENDED" }),
        );
      return;
    }
    const why = reason === "" ? "" : `: ${reason}`;
    this.#broke(
      code === abortCloseCode
        ? new BrokenStreamError(`the other end was aborted${why}`, { code: "ABORTED" })
        : new BrokenStreamError(`the WebSocket was closed with code ${code}${why}`, { code: `WEBSOCKET_${code}` }),
    );
  }

  #break(code: string, message: string): void {
    this.#broke(new BrokenStreamError(message, { code }));
    this.#closeWith(message);
  }

  /** Breaks the stream. The messages that arrived before can still be read. */
  #broke(error: BrokenStreamError): void {
    this.#failure = error;
    this.#outgoing.fail(error);
    this.#incoming.end(error);
    this.#broken.fire(error);
  }
}

function bytesOf(data: unknown): Uint8Array | undefined {
  if (Object.prototype.toString.call(data) === "[object ArrayBuffer]") return new Uint8Array(data as ArrayBuffer);
  return ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : undefined;
}
