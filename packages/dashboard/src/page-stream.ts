/**
 * One open page: an event stream (`text/event-stream`) with a message when something has changed, at most ten in a
 * second. While the page does not read, nothing is written and nothing is kept beside the keys of what has changed.
 */
import type { ServerResponse } from "node:http";
import type { Clock } from "@trunkline/base";
import type { Feed, FeedReader } from "./feed.js";

/** The least time between two messages, in milliseconds. */
const messageIntervalMs = 100;
/** The time for a page that reads nothing: one that sleeps connects again when it wakes. */
const unreadTimeoutMs = 60_000;

/** Tells a page what it is, and then what changes, until either side ends it. */
export class PageStream implements Disposable {
  readonly #response: ServerResponse;
  readonly #clock: Clock;
  readonly #reader: FeedReader;
  #cancelNext: (() => void) | undefined;
  #cancelTimeout: (() => void) | undefined;
  #isOver = false;

  constructor(response: ServerResponse, feed: Feed, hello: object, clock: Clock) {
    this.#response = response;
    this.#clock = clock;
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    response.write(`retry: 1000\nevent: hello\ndata: ${JSON.stringify(hello)}\n\n`);
    response.on("close", () => this[Symbol.dispose]());
    response.on("drain", () => this.#onDrain());
    this.#reader = feed.newReader(() => this.#plan(0));
    this.#plan(0);
  }

  /** Writes when the interval is over, unless that is planned already or the page does not read. */
  #plan(inMs: number): void {
    if (this.#isOver || this.#cancelNext !== undefined || this.#response.writableNeedDrain) return;
    this.#cancelNext = this.#clock.at(this.#clock.nowMs() + inMs, () => this.#write(), "watch");
  }

  #write(): void {
    this.#cancelNext = undefined;
    if (this.#isOver || this.#response.writableNeedDrain) return;
    const message = this.#reader.take();
    if (message === undefined) return;
    if (!this.#response.write(`event: delta\ndata: ${message}\n\n`)) {
      this.#cancelTimeout ??= this.#clock.at(
        this.#clock.nowMs() + unreadTimeoutMs,
        () => this.#response.destroy(),
        "watch",
      );
    }
    // The time between two messages passes also where the next change comes at once.
    this.#cancelNext = this.#clock.at(this.#clock.nowMs() + messageIntervalMs, () => this.#write(), "watch");
  }

  #onDrain(): void {
    this.#cancelTimeout?.();
    this.#cancelTimeout = undefined;
    this.#plan(messageIntervalMs);
  }

  [Symbol.dispose](): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#cancelNext?.();
    this.#cancelTimeout?.();
    this.#reader[Symbol.dispose]();
    this.#response.end();
  }
}
