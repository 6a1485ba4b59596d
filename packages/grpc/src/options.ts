/** Limits and defaults that clients and servers share, checked in one place. */
import { Connection, type ConnectionHandler, type ConnectionLimits, type LocalSettings } from "@trunkline/h2";

/** Of the HTTP/2 connections below. */
export interface Http2Options {
  /** What this side announces. */
  readonly settings?: LocalSettings | undefined;
  /** What bounds memory and work. */
  readonly limits?: ConnectionLimits | undefined;
}

/** What a message may be by default: what every gRPC implementation takes. */
export const defaultMaxReceiveMessageBytes: number = 4_194_304;

/** Of which only the options are looked at. */
const deaf: ConnectionHandler<never> = {
  onHeaders() {},
  onData() {},
  onTrailers() {},
  onReset() {},
  onWritable() {},
  onClose() {},
};

/** Says at once what would otherwise be wrong with every connection. @throws H2Error (scope `usage`) naming the option, the value and its range */
export function checkedHttp2(role: "client" | "server", options: Http2Options = {}): Http2Options {
  new Connection({ role, settings: options.settings ?? {}, limits: options.limits ?? {} }, deaf);
  return options;
}

/** A whole number in its range, or the fallback where none was given. @throws RangeError naming the option, the value and the range */
export function wholeNumber(
  name: string,
  value: number | undefined,
  fallback: number,
  least: number,
  most: number = Number.MAX_SAFE_INTEGER,
): number {
  if (value === undefined) return fallback;
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new RangeError(`${name} must be a whole number from ${least} to ${most}, not ${String(value)}`);
}

/** The largest length that a prefix can announce. */
export const largestMessageBytes: number = 2 ** 32 - 1;
