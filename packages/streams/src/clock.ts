import { type AttributeKey, attribute } from "./attributes.js";

/**
 * Time as an argument. Whoever waits for time takes a `Clock`, so that a test can run on virtual time
 * (`VirtualClock` in `@trunkline/streams/testing`); the real one is `systemClock` in `@trunkline/streams/node`.
 */
export interface Clock {
  /** Milliseconds on a monotonic scale; only differences mean anything. */
  nowMs(): number;
  /**
   * Calls back once when `nowMs()` has reached `atMs`, never before this call returned.
   * Returns what takes the appointment back. A pending appointment does not keep the process alive.
   */
  at(atMs: number, callback: () => void): () => void;
}

/**
 * The clock of a stream, published by its carrier, so that every layer above waits on the same time: `close()` for its
 * limit, `progress` for its reports. A carrier without one cannot limit the wait of `close()`.
 */
export const streamClock: AttributeKey<Clock> = attribute("streamClock");
