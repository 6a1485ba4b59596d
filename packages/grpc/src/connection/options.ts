/** Limits and defaults that clients and servers share, checked in one place. */
import { type ConnectionLimits, checkConnectionOptions, type LocalSettings } from "@trunkline/h2";

/** Of the HTTP/2 connections below. */
export interface Http2Options {
  /** What this side announces. */
  readonly settings?: LocalSettings | undefined;
  /** What bounds memory and work. */
  readonly limits?: ConnectionLimits | undefined;
}

/** What a message may be by default: what every gRPC implementation takes. */
export const defaultMaxReceiveMessageBytes: number = 4_194_304;

/** Says at once what would otherwise be wrong with every connection. @throws H2Error (scope `usage`) naming the option, the value and its range */
export function checkedHttp2(role: "client" | "server", options: Http2Options = {}): Http2Options {
  checkConnectionOptions({ role, settings: options.settings ?? {}, limits: options.limits ?? {} });
  return options;
}

/** The largest length that a prefix can announce. */
export const largestMessageBytes: number = 2 ** 32 - 1;
