/**
 * What the exit code of the command says; the numbers are those of BSD's sysexits where it has one that fits, so that they
 * collide neither with Node's own (1 to 14) nor with those of a shell (126 and up).
 */
export const ExitCode = {
  /** Ended in order: done, or ended by SIGINT or SIGTERM, or nobody reads its output any more. */
  ok: 0,
  /** EX_USAGE */
  usage: 64,
  /** EX_DATAERR */
  mismatch: 65,
  /** EX_NOINPUT */
  unreadable: 66,
  /** EX_NOHOST */
  unknownName: 68,
  /** EX_UNAVAILABLE */
  routerUnavailable: 69,
  /** EX_SOFTWARE */
  internal: 70,
  /** EX_CANTCREAT */
  cannotCreate: 73,
  /** EX_TEMPFAIL */
  targetUnavailable: 75,
  /** EX_NOPERM */
  denied: 77,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** One line of text for each, as `--help` lists them. */
export const exitCodeMeanings: Readonly<Record<ExitCode, string>> = {
  [ExitCode.ok]: "ended in order, also by SIGINT or SIGTERM",
  [ExitCode.usage]: "an argument, an option or an environment variable is wrong",
  [ExitCode.mismatch]: "demo: what arrived is not what was sent",
  [ExitCode.unreadable]: "a file (key, token, certificate) cannot be read or used",
  [ExitCode.unknownName]: "nobody exposes that name",
  [ExitCode.routerUnavailable]: "the router cannot be reached",
  [ExitCode.internal]: "a failure that is none of these: a bug",
  [ExitCode.cannotCreate]: "a port, socket or file is in use or not allowed",
  [ExitCode.targetUnavailable]: "the target of expose refuses connections",
  [ExitCode.denied]: "the token is bad or expired, or lacks the right",
};

/** A second signal ends the command at once, with this and the signal's number, as a shell reports it. */
export const signalExitBase = 128;
