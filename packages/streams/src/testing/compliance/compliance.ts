/**
 * The compliance suite: tests of everything that an `ObjectStream` has to do, for any test framework.
 *
 * ```ts
 * for (const { title, run } of complianceTests({ connect: (clock) => pairOfMyStreams({ clock }) })) test(title, run);
 * ```
 */
import { abortTests } from "./abort.js";
import { endingTests } from "./ending.js";
import { itemTests } from "./items.js";
import { metadataTests } from "./metadata.js";
import type { ComplianceOptions, ComplianceTest } from "./options.js";
import { waitingTests } from "./waiting.js";

export type { ComplianceOptions, ComplianceTest, ItemCodec, StreamPair } from "./options.js";

/** Returns the tests for one kind of stream. Each makes a pair of its own and aborts both ends afterwards. */
export function complianceTests(options: ComplianceOptions): ComplianceTest[] {
  return [
    ...itemTests(options),
    ...endingTests(options),
    ...abortTests(options),
    ...waitingTests(options),
    ...metadataTests(options),
  ];
}
