/** The errors that a user is meant to read: one line, and the exit code that goes with it. */
import { isError } from "@trunkline/base";
import { TransportError } from "@trunkline/base/node";
import type { ExitCode } from "./exit-codes.js";

export interface CommandErrorOptions {
  readonly cause?: unknown;
  /** The thing to do about it. It ends the message. */
  readonly advice?: string | undefined;
}

/**
 * An error for the user. The message is one line that names the action, its object and the reason, and what to do about
 * it where that is known.
 */
export class CommandError extends Error {
  override name = "CommandError";
  readonly exitCode: ExitCode;
  /** The message without the advice. */
  readonly problem: string;
  readonly advice: string | undefined;

  constructor(problem: string, exitCode: ExitCode, { cause, advice }: CommandErrorOptions = {}) {
    super(advice === undefined ? problem : `${problem}; ${advice}`, cause === undefined ? undefined : { cause });
    this.problem = problem;
    this.advice = advice;
    this.exitCode = exitCode;
  }
}

/**
 * Returns the system's code for an error, such as `ECONNREFUSED`, from the error itself or its cause; of several
 * attempts that of the last.
 */
export function systemCode(error: unknown): string | undefined {
  if (error instanceof AggregateError && error.errors.length > 0) return systemCode(error.errors.at(-1));
  const { code, cause } = (error ?? {}) as { readonly code?: unknown; readonly cause?: unknown };
  if (typeof code === "string" && /^E[A-Z0-9_]+$/.test(code)) return code;
  return cause === undefined ? undefined : systemCode(cause);
}

const words: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EADDRINUSE: "it is in use already",
  EADDRNOTAVAIL: "this machine has no such address",
  EAFNOSUPPORT: "this machine does not have that kind of address",
  EAI_AGAIN: "its name cannot be looked up now",
  EBADF: "it is not open for that",
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset",
  EDQUOT: "the quota of the disk is used up",
  EFBIG: "the file would be too large",
  EHOSTUNREACH: "there is no way to that machine",
  EISDIR: "it is a directory",
  EMFILE: "too many open files",
  ENETUNREACH: "there is no way to that network",
  ENOENT: "there is no such file",
  ENOSPC: "the disk is full",
  ENOTDIR: "a part of its path is not a directory",
  ENOTFOUND: "there is no machine of that name",
  ENOTSOCK: "it is not a socket",
  EPERM: "not permitted",
  EROFS: "its file system is read-only",
  ETIMEDOUT: "no answer in time",
};

/** Returns true for the failure of a proxy, which only its message names. */
export function isOfProxy(error: unknown): boolean {
  for (let each = error; each instanceof Error; each = each.cause)
    if (TransportError.is(each)) return each.code.startsWith("PROXY_");
  return false;
}

/** Returns why something failed, in a few words on one line. */
export function reasonOf(error: unknown): string {
  if (error instanceof CommandError) return error.message;
  const code = systemCode(error);
  const known = code === undefined ? undefined : words[code];
  if (known !== undefined && !isOfProxy(error)) return known;
  const text = isError(error) ? error.message : String(error);
  return text.replace(/\s*\n\s*/g, " ").trim() || (code ?? "for no known reason");
}
