/** The clock of a stream. */
import type { Clock } from "@trunkline/base";
import { type AttributeKey, sharedAttribute } from "./attributes.js";
import type { StreamControl } from "./stream.js";

/**
 * The clock of a stream. Its carrier publishes it, so that every layer above waits on the same time: `close()` for its
 * limit, `progress` for its reports. A carrier without a clock cannot limit the wait of `close()`.
 */
export const streamClock: AttributeKey<Clock> = sharedAttribute("@trunkline/streams", "streamClock");

/**
 * Returns the clock that a layer was given, else the clock of the stream below.
 * @param need the words that begin the error's message, such as "a rate limit needs"
 * @throws TypeError when there is neither
 */
export function clockOf(need: string, given: Clock | undefined, stream: StreamControl): Clock {
  const clock = given ?? stream.extra(streamClock);
  if (clock !== undefined) return clock;
  throw new TypeError(`${need} a clock: the stream has none (attribute streamClock) and none was given`);
}
