/**
 * The exit codes of the command. The numbers are those of BSD's sysexits where it has one that fits, so that they
 * collide neither with those of Node (1 to 14) nor with those of a shell (126 and up).
 */
export const ExitCode = {
  ok: 0,
  /** `EX_USAGE` of sysexits. */
  usage: 64,
  /** `EX_DATAERR` of sysexits. */
  mismatch: 65,
  /** `EX_NOINPUT` of sysexits. */
  unreadable: 66,
  /** `EX_NOHOST` of sysexits. */
  unknownName: 68,
  /** `EX_UNAVAILABLE` of sysexits. */
  routerUnavailable: 69,
  /** `EX_SOFTWARE` of sysexits. */
  internal: 70,
  /** `EX_CANTCREAT` of sysexits. */
  cannotCreate: 73,
  /** `EX_IOERR` of sysexits. */
  broken: 74,
  /** `EX_TEMPFAIL` of sysexits. */
  targetUnavailable: 75,
  /** `EX_PROTOCOL` of sysexits. */
  rejected: 76,
  /** `EX_NOPERM` of sysexits. */
  denied: 77,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** One line of text for each code, as `--help` and the README list them. */
export const exitCodeMeanings: Readonly<Record<ExitCode, string>> = {
  [ExitCode.ok]: "done, or ended in order by SIGINT or SIGTERM",
  [ExitCode.usage]: "an argument, option or variable is wrong, or no token is given",
  [ExitCode.mismatch]: "what arrived is not what was sent",
  [ExitCode.unreadable]: "a file (key, token, policy, profiles, …) cannot be read or used",
  [ExitCode.unknownName]: "the name is not exposed, or a stream or method is not there",
  [ExitCode.routerUnavailable]: "the router cannot be reached",
  [ExitCode.internal]: "a failure that is none of these: a bug",
  [ExitCode.cannotCreate]: "a port, socket, file or name is taken, or not allowed",
  [ExitCode.broken]: "a stream or transfer broke, a ping had no answer, or stdout fails",
  [ExitCode.targetUnavailable]: "the target refuses connections, or fails its health check",
  [ExitCode.rejected]: "a gRPC call was answered with an error",
  [ExitCode.denied]: "a token or certificate is bad or expired, or a right is missing",
};

/**
 * The exit codes of signals, as `--help` and the README list them: 128 and the number of the signal, as a shell reports
 * it.
 */
export const signalMeanings: Readonly<Record<string, string>> = {
  "130, 143": "ended by SIGINT, SIGTERM before it was ready, or by a second one",
  "141": "the reader of stdout has gone",
};

/** The number to which that of a signal is added. */
export const signalExitBase = 128;
