/** The answers of `explain()`: they say for what calls and channels wait, and on whom. */
import { printDuration } from "./print-duration.js";

/**
 * The step that a call has come to. `"not-begun"`: its program has taken none. `"interceptor"`: an interceptor makes it
 * wait. `"next-attempt"`: an attempt has failed, and the next one waits for its time, or another one is under way.
 * `"connection"`: there is no connection. `"stream"`: the server allows no more calls at once on its connection.
 * `"call-window"` and `"connection-window"`: bytes that were sent cannot go on, since the other side does not read this
 * call, or reads too little of all calls. `"transport"`: they wait for the transport. `"answer"`: the server has not
 * begun to answer. `"messages"`: the other side's next message is waited for. `"unread"`: messages have come, and this
 * side does not read them. `"program"`: the program of this side, or the handler, has to take the next step. `"ended"`:
 * the call is over.
 */
export type CallStep =
  | "not-begun"
  | "interceptor"
  | "next-attempt"
  | "connection"
  | "stream"
  | "call-window"
  | "connection-window"
  | "transport"
  | "answer"
  | "messages"
  | "unread"
  | "program"
  | "ended";

/** The party that has to do something for the call to go on. */
export type WaitsOn = "this side" | "the other side" | "the network" | "nobody";

/** The reason for which a call does not go on, and who has to do something. */
export interface CallExplanation {
  /** The path of the method: `"/package.Service/Method"`. */
  readonly path: string;
  readonly step: CallStep;
  readonly waitsOn: WaitsOn;
  /** The address of the other side, once there is a connection. */
  readonly peer: string | undefined;
  /** The milliseconds for which it has waited so; undefined where that is not known: nothing is noted for reads. */
  readonly waitedMs: number | undefined;
  /** One sentence for people. It may have other words in a later version. */
  readonly text: string;
}

/** The calls of a channel, or of a server, with the reasons for which they do not go on. */
export interface CallsExplanation {
  /** The calls that are open or wait, those that have waited longest first, up to 100 of them. */
  readonly calls: readonly CallExplanation[];
  /** The number of further calls. */
  readonly more: number;
}

/** The number of calls that one answer names: a person reads no more, and each costs some memory. */
const maxNamed = 100;

const parties: Readonly<Record<CallStep, WaitsOn>> = {
  "not-begun": "this side",
  interceptor: "this side",
  "next-attempt": "this side",
  connection: "the network",
  stream: "the other side",
  "call-window": "the other side",
  "connection-window": "the other side",
  transport: "the network",
  answer: "the other side",
  messages: "the other side",
  unread: "this side",
  program: "this side",
  ended: "nobody",
};

/** A call as its explanation is made of it. */
export interface ExplainedCall {
  readonly path: string;
  readonly peer: string | undefined;
}

/** Makes the explanation of one call. @param what the end of the sentence that begins with the call's path */
export function explanation(
  { path, peer }: ExplainedCall,
  step: CallStep,
  what: string,
  waitedMs?: number | undefined,
): CallExplanation {
  const waited = waitedMs === undefined ? undefined : Math.max(0, Math.round(waitedMs));
  const since = waited === undefined ? "" : `, for ${printDuration(waited)} now`;
  return { path, step, waitsOn: parties[step], peer, waitedMs: waited, text: `${path} ${what}${since}` };
}

/** Returns the first of the explanations in the order of their waits. */
export function longestFirst(all: CallExplanation[]): CallsExplanation {
  all.sort((one, other) => (other.waitedMs ?? 0) - (one.waitedMs ?? 0));
  return { calls: all.slice(0, maxNamed), more: Math.max(0, all.length - maxNamed) };
}
