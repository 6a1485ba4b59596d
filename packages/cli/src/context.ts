/** The things that every command is given beside its arguments. */
import { type Clock, onAbort, pause as pauseOn } from "@trunkline/base";
import { systemClock } from "@trunkline/base/node";
import { CommandError } from "./command-error.js";
import { maxConnections } from "./connections.js";
import { parseDuration, parsePositiveDuration } from "./duration.js";
import { ExitCode } from "./exit-codes.js";
import type { Output } from "./output.js";
import { parseWholeNumber } from "./whole-number.js";

/** Environment variables. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The surroundings of one run of a command. */
export interface Context {
  readonly output: Output;
  readonly env: Environment;
  /** Aborts with an `Interrupted` when the command is to end in order. */
  readonly signal: AbortSignal;
  /** The words by which this program was called, for commands that are shown to be copied. */
  readonly program: string;
  /** The clock by which files that may change are looked at again. */
  readonly clock: Clock;
  /**
   * Calls the listener for each SIGHUP, which does not end the command then; a closed terminal still ends it. Returns
   * what takes the listener away.
   */
  onHangup(listener: () => void): () => void;
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

/** The largest `--grace`. */
export const maxGraceMs = 3_600_000;

/** Returns the milliseconds of `--grace`. @throws CommandError */
export function graceMsOf(options: GraceOption): number {
  return parseDuration(options.grace, "--grace", maxGraceMs);
}

/** Options of commands that hold connections to a router, or take them. */
export interface KeepaliveOptions {
  readonly keepalive: string;
  readonly keepaliveTimeout: string;
}

/** The largest `--keepalive` and `--keepalive-timeout`. */
export const maxKeepaliveMs = 86_400_000;

/** The largest `--linger`. */
export const maxLingerMs = 86_400_000;

/** Returns the keepalive of router connections; `--keepalive 0` is never. @throws CommandError */
export function keepaliveOf(options: KeepaliveOptions): { keepaliveIntervalMs: number; keepaliveTimeoutMs: number } {
  const intervalMs = parseDuration(options.keepalive, "--keepalive", maxKeepaliveMs);
  return {
    keepaliveIntervalMs: intervalMs === 0 ? Number.POSITIVE_INFINITY : intervalMs,
    keepaliveTimeoutMs: parsePositiveDuration(options.keepaliveTimeout, "--keepalive-timeout", maxKeepaliveMs),
  };
}

/** Options of commands whose connections survive the loss of their router. */
export interface ResumeOption {
  readonly resume: string;
}

const maxResumeMs = 86_400_000;

/** Returns the milliseconds of `--resume`; 0 is never. @throws CommandError */
export function resumeMsOf(options: ResumeOption): number {
  return parseDuration(options.resume, "--resume", maxResumeMs);
}

/** Options of commands that carry datagrams. */
export interface UdpIdleOption {
  readonly udpIdle: string;
}

const maxUdpIdleMs = 86_400_000;

/** Returns the milliseconds of `--udp-idle`. @throws CommandError */
export function udpIdleMsOf(options: UdpIdleOption): number {
  const idleMs = parseDuration(options.udpIdle, "--udp-idle", maxUdpIdleMs);
  if (idleMs >= 100) return idleMs;
  throw new CommandError(`--udp-idle ${JSON.stringify(options.udpIdle)} is shorter than 100 ms`, ExitCode.usage);
}

/** Options of commands whose connections may be limited. */
export interface ConnectionLimitOption {
  readonly maxConnections: string;
}

/** Returns the number of `--max-connections`. @throws CommandError */
export function connectionLimitOf({ maxConnections: text }: ConnectionLimitOption): number {
  return parseWholeNumber(text, "--max-connections", maxConnections);
}

/** Resolves when the command is to end. */
export function interrupted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else onAbort(signal, resolve);
  });
}

/** Resolves after `ms`, or at once when the signal aborts. It keeps the process alive. */
export function pause(ms: number, signal: AbortSignal, clock: Clock = systemClock): Promise<void> {
  return pauseOn(clock, ms, "work", signal);
}
