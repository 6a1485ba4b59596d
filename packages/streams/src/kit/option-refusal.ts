/** Checks of the names of options that the calls of every stream take. */
import { optionNames, optionNamesRefusal } from "@trunkline/base";
import type { CloseOptions, SendOptions, WaitOptions } from "../contract/stream.js";

const waitOptionNames: ReadonlySet<string> = optionNames<WaitOptions>({ signal: true });
const sendOptionNames: ReadonlySet<string> = optionNames<SendOptions>({ signal: true, metadata: true });
const closeOptionNames: ReadonlySet<string> = optionNames<CloseOptions>({ signal: true, closeTimeoutMs: true });

/** Returns the refusal of options that a call that may wait does not know; undefined where it knows them all. */
export function waitOptionsRefusal(options: WaitOptions | undefined, owner: string = "receive"): TypeError | undefined {
  return options === undefined ? undefined : optionNamesRefusal(owner, options, waitOptionNames);
}

/** Returns the refusal of options that `send` does not know; undefined where it knows them all. */
export function sendOptionsRefusal(options: SendOptions | undefined): TypeError | undefined {
  return options === undefined ? undefined : optionNamesRefusal("send", options, sendOptionNames);
}

/** Returns the refusal of options that `close` does not know; undefined where it knows them all. */
export function closeOptionsRefusal(options: CloseOptions): TypeError | undefined {
  return optionNamesRefusal("close", options, closeOptionNames);
}
