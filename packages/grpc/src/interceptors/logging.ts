/** Logs one line for each call, when it has ended. */
import { checkOptionNames, optionNames } from "@trunkline/base";
import { streamClock } from "@trunkline/streams";
import type { InterceptedCall, Interceptor } from "../hooks/interceptor.js";
import { Status, type StatusName, statusName } from "../wire/status.js";

/** One line of the log. It never holds messages, and only metadata whose keys were named. */
export interface CallLogEntry {
  readonly role: "client" | "server";
  readonly path: string;
  /** The address of the peer, such as `"127.0.0.1:50051"`; undefined if a client's call got no connection. */
  readonly peer: string | undefined;
  readonly code: StatusName;
  /** The status message; undefined if there is none. */
  readonly message: string | undefined;
  readonly durationMs: number;
  readonly requestMessages: number;
  readonly responseMessages: number;
  /** The values of the request's metadata under the keys that were named; bytes as base64. */
  readonly metadata?: Readonly<Record<string, readonly string[]>>;
  /** The error of a call that failed, with its causes. */
  readonly error?: Error;
}

/** A logger that takes the fields first, as those of pino and bunyan and the children of winston do. */
export interface CallLogger {
  info(entry: CallLogEntry, message: string): void;
  warn(entry: CallLogEntry, message: string): void;
  error(entry: CallLogEntry, message: string): void;
}

/** Options of `logging`. */
export interface LoggingOptions {
  /** The keys of the request's metadata whose values are logged. Default: none, since values may be secrets. */
  readonly metadata?: readonly string[] | undefined;
}

/** The statuses that stand for a fault in the code of the server. */
const faults: ReadonlySet<Status> = new Set([Status.UNKNOWN, Status.INTERNAL, Status.DATA_LOSS]);

const loggingOptionNames = optionNames<LoggingOptions>({ metadata: true });

/**
 * Makes an interceptor that logs each call when it has ended, to a function or to a logger. OK is logged as `info`;
 * UNKNOWN, INTERNAL and DATA_LOSS as `error`; any other status as `warn`. An error of the logger is reported like that
 * of any hook, and does not affect the call.
 */
export function logging(to: CallLogger | ((entry: CallLogEntry) => void), options: LoggingOptions = {}): Interceptor {
  checkOptionNames("logging", options, loggingOptionNames);
  const log =
    typeof to === "function" ? to : (entry: CallLogEntry): void => to[levelOf(entry.code)](entry, messageOf(entry));
  const keys = (options.metadata ?? []).map((key) => key.toLowerCase());
  return (call) => {
    const clock = call.extra(streamClock);
    const beganAtMs = clock?.nowMs() ?? 0;
    let metadata: CallLogEntry["metadata"];
    return {
      onRequest(request) {
        if (keys.length > 0) metadata = chosen(keys, request.metadata.toJSON());
      },
      onEnd({ status, message, error, requestMessages, responseMessages }) {
        log({
          role: call.role,
          path: call.path,
          peer: peerOf(call),
          code: statusName(status),
          message: message === "" ? undefined : message,
          durationMs: (clock?.nowMs() ?? 0) - beganAtMs,
          requestMessages,
          responseMessages,
          ...(metadata === undefined ? {} : { metadata }),
          ...(error === undefined ? {} : { error }),
        });
      },
    };
  };
}

function levelOf(code: StatusName): "info" | "warn" | "error" {
  if (code === "OK") return "info";
  return faults.has(Status[code]) ? "error" : "warn";
}

function messageOf({ role, path, code, durationMs }: CallLogEntry): string {
  return `${role === "client" ? "called" : "served"} ${path}: ${code} after ${Math.round(durationMs)} ms`;
}

function peerOf(call: InterceptedCall): string | undefined {
  return call.peer?.address;
}

function chosen(
  keys: readonly string[],
  fields: readonly [string, string][],
): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(
    keys.map((key) => [key, fields.filter(([name]) => name === key).map(([, value]) => value)]),
  );
}
