/** What every command is given beside its arguments. */
import { setTimeout as delay } from "node:timers/promises";
import { parseDuration } from "./duration.js";
import type { Output } from "./output.js";
import type { Environment } from "./router-key.js";

export interface Context {
  readonly output: Output;
  readonly env: Environment;
  /** Aborts with an `Interrupted` when the command is to end in order. */
  readonly signal: AbortSignal;
  /** How this program was called, for commands that are shown to be copied. */
  readonly program: string;
}

/** Options of every command. */
export interface CommonOptions {
  readonly json?: boolean;
  readonly logLevel?: string;
}

/** Options of commands that carry connections. */
export interface GraceOption {
  readonly grace: string;
}

const maxGraceMs = 3_600_000;

/** @throws CommandError */
export function graceMsOf(options: GraceOption): number {
  return parseDuration(options.grace, "--grace", maxGraceMs);
}

/** Resolves when the command is to end. */
export function interrupted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** Resolves after `ms`, or at once when the signal aborts. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => {});
}
