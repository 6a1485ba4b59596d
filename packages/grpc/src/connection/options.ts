/** Limits and defaults that clients and servers share, checked in one place. */
import { checkOptionNames, optionNames } from "@trunkline/base";
import { ByteBudget, type ConnectionLimits, checkConnectionOptions, type LocalSettings } from "@trunkline/h2";

/** Options of the HTTP/2 connections below a channel or a server. */
export interface Http2Options {
  /** The settings that this side announces. */
  readonly settings?: LocalSettings | undefined;
  /**
   * The limits of memory, time and work. Where they name no `receiveBudget` and `sendBudget`, all servers and channels
   * of the process share one of each: 320 MiB for what was received and not consumed, 128 MiB for what waits to be
   * sent.
   */
  readonly limits?: ConnectionLimits | undefined;
}

const http2OptionNames = optionNames<Http2Options>({ settings: true, limits: true });

/** The largest message that is received by default: what every gRPC implementation takes. */
export const defaultMaxReceiveMessageBytes: number = 4_194_304;

/**
 * The budgets of the process: together 448 MiB, so that a server of ordinary size stays below 512 MiB more than it has
 * when it is idle. What is received has room for all messages in the making (`MessageBudget`, 256 MiB), or those could
 * stop each other, and for a quarter as much beside them.
 */
const receiveBudget: ByteBudget = new ByteBudget(335_544_320);
const sendBudget: ByteBudget = new ByteBudget(134_217_728);

/**
 * Checks options that would otherwise be wrong with every connection, and fills in the budgets of the process.
 * @throws RangeError or TypeError naming the option, the value and its range
 */
export function checkedHttp2(role: "client" | "server", options: Http2Options = {}): Http2Options {
  checkOptionNames("http2", options, http2OptionNames);
  const given = { receiveBudget, sendBudget, ...options.limits };
  const { limits } = checkConnectionOptions({ role, settings: options.settings ?? {}, limits: given });
  return { ...options, limits };
}
