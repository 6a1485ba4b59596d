/** The limits of sessions, with their defaults and reasons. */
import { durationMs, wholeNumber } from "@trunkline/base";
import { firstWindowBytes } from "./receive-window.js";

/** Options of streams that can be resumed. */
export interface ResumeOptions {
  /**
   * The time from the loss of the way until both sides have found each other again; then the stream breaks. Default
   * 60,000 ms: a router is restarted, and a network comes back, in less.
   */
  readonly resumeTimeoutMs?: number | undefined;
  /**
   * The bytes of a stream that were sent and are not acknowledged; a sender waits beyond it. Default 8,388,608: a
   * second of way at 64 Mbit/s, or 80 ms at 800 Mbit/s.
   */
  readonly maxReplayBytes?: number | undefined;
  /**
   * The bytes that were sent and are not acknowledged, of all streams of a client. Default 268,435,456: 32 streams that
   * are all full.
   */
  readonly maxReplayBytesInAll?: number | undefined;
  /**
   * The bytes of a stream that have arrived and were not read. A stream begins with 131,072, which double while the
   * reader keeps up. Default 8,388,608, as much as the other side may have under way.
   */
  readonly maxUnreadBytes?: number | undefined;
  /** The bytes beyond 131,072 a stream that have arrived and were not read, of all streams. Default 268,435,456. */
  readonly maxUnreadBytesInAll?: number | undefined;
}

/** The names of the options. */
export const resumeOptionNames: { readonly [Name in keyof ResumeOptions]-?: true } = {
  resumeTimeoutMs: true,
  maxReplayBytes: true,
  maxReplayBytesInAll: true,
  maxUnreadBytes: true,
  maxUnreadBytesInAll: true,
};

export type ResolvedResumeOptions = { readonly [Name in keyof ResumeOptions]-?: number };

const maxBytes = 2 ** 40;

/** Returns all options. @throws RangeError that names the option, the value and its range */
export function resolveResumeOptions(options: ResumeOptions): ResolvedResumeOptions {
  const bytes = (name: string, given: number | undefined, byDefault: number, least: number): number =>
    wholeNumber(name, given ?? byDefault, least, maxBytes);
  return {
    resumeTimeoutMs: durationMs("resumeTimeoutMs", options.resumeTimeoutMs ?? 60_000, 1),
    maxReplayBytes: bytes("maxReplayBytes", options.maxReplayBytes, 8_388_608, 1),
    maxReplayBytesInAll: bytes("maxReplayBytesInAll", options.maxReplayBytesInAll, 268_435_456, 1),
    maxUnreadBytes: bytes("maxUnreadBytes", options.maxUnreadBytes, 8_388_608, firstWindowBytes),
    maxUnreadBytesInAll: bytes("maxUnreadBytesInAll", options.maxUnreadBytesInAll, 268_435_456, 0),
  };
}
