/**
 * Recognises a stdout that was closed before the command began (`>&-`). Node opens `/dev/null` in its place, for
 * reading and writing, so that nothing that is written there fails.
 */
import { readFileSync, readlinkSync } from "node:fs";
import { CommandError } from "./command-error.js";
import { ExitCode } from "./exit-codes.js";
import type { Output } from "./output.js";

/** The part of the flags of an open file that says for what it was opened, and its value for reading and writing. */
const accessMode = 0o3;
const readWrite = 0o2;

/**
 * Refuses to begin where stdout is `/dev/null` as Node leaves it for one that was closed. A shell opens `/dev/null` for
 * writing alone; some programs that discard output on purpose open it as Node does, and cannot be told from that. Only
 * Linux tells how a file was opened, and elsewhere a closed stdout cannot be known.
 * @param what the result that would be lost
 * @throws CommandError
 */
export function refuseClosedOutput({ terminal }: Output, what: string): void {
  if (!isReplaced((terminal as { readonly fd?: number }).fd)) return;
  const advice = "to discard it, let the shell do so: >/dev/null";
  throw new CommandError(`stdout is closed, and ${what} would be lost; ${advice}`, ExitCode.broken);
}

function isReplaced(fd: number | undefined): boolean {
  try {
    if (readlinkSync(`/proc/self/fd/${fd}`) !== "/dev/null") return false;
    const [, flags = "0"] = /^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8")) ?? [];
    return (Number.parseInt(flags, 8) & accessMode) === readWrite;
  } catch {
    return false;
  }
}
