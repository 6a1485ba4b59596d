/** Opens forwards of either kind. */
import type { Forward } from "./forward-grammar.js";
import { type ForwardParts, type OpenForward, openLocalForward } from "./local-forward.js";
import { openReverseForward } from "./reverse-forward.js";

/** Opens a forward. @throws CommandError where that cannot be done */
export function openForward(forward: Forward, parts: ForwardParts): Promise<OpenForward> {
  return "reverse" in forward ? openReverseForward(forward, parts) : openLocalForward(forward, parts);
}
