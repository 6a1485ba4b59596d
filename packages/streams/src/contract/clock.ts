import type { Clock } from "@trunkline/base";
import { type AttributeKey, attribute } from "./attributes.js";

/**
 * The clock of a stream, published by its carrier, so that every layer above waits on the same time: `close()` for its
 * limit, `progress` for its reports. A carrier without one cannot limit the wait of `close()`.
 */
export const streamClock: AttributeKey<Clock> = attribute("streamClock");
