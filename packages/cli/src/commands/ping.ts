/** `trunkline ping NAME`: the time to the exposer of a name and back, as `ping` prints it. */
import { monotonicMs } from "@trunkline/base/node";
import type { RouterStream } from "@trunkline/router";
import { CommandError, reasonOf } from "../command-error.js";
import { type Context, pause } from "../context.js";
import { dialJoined, findName } from "../dialling.js";
import { parseDuration, parsePositiveDuration } from "../duration.js";
import { ExitCode } from "../exit-codes.js";
import { checkExposedName } from "../exposed-name.js";
import { answersPings, pingBytes, pingMetadata } from "../pings.js";
import { type AccessOptions, RouterAccess } from "../router-access.js";
import { parseWholeNumber } from "../whole-number.js";

/** Options of `trunkline ping`. */
export interface PingOptions extends AccessOptions {
  /** The number of pings. Default: without limit. */
  readonly count?: string;
  readonly interval: string;
  readonly timeout: string;
}

const maxCount = 1_000_000;
const maxIntervalMs = 3_600_000;
const maxTimeoutMs = 3_600_000;

/** Pings until the count is reached or the command is interrupted. @throws CommandError */
export async function ping(name: string, options: PingOptions, context: Context): Promise<void> {
  const { output, signal } = context;
  checkExposedName(name);
  const count =
    options.count === undefined ? Number.POSITIVE_INFINITY : parseWholeNumber(options.count, "--count", maxCount);
  const intervalMs = parseDuration(options.interval, "--interval", maxIntervalMs);
  const timeoutMs = parsePositiveDuration(options.timeout, "--timeout", maxTimeoutMs);
  await using access = await RouterAccess.open(options, { graceMs: 0, resumeMs: 0 }, context);
  const stream = await openPings(name, access, timeoutMs, signal);
  const times: number[] = [];
  try {
    for (let number = 1; number <= count; number += 1) {
      if (number > 1) await pause(intervalMs, signal);
      if (signal.aborted) break;
      const ms = await roundTrip(stream, number, AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]));
      times.push(ms);
      output.result({ event: "pong", name, number, ms }, `${name}: answer ${number} after ${ms.toFixed(2)} ms`);
    }
    await stream.close({ closeTimeoutMs: timeoutMs }).catch(() => {});
  } catch (error) {
    stream.abort(error);
    if (!signal.aborted) throw noAnswer(name, times.length + 1, timeoutMs, error);
  }
  if (times.length > 0) summarize(name, times, context);
  else if (signal.aborted) throw signal.reason;
}

/** Opens the stream of the pings. @throws CommandError */
async function openPings(
  name: string,
  access: RouterAccess,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<RouterStream> {
  if (!answersPings(await findName(name, access, signal))) {
    const message = `the exposer of ${JSON.stringify(name)} answers no pings: it is not trunkline expose`;
    throw new CommandError(message, ExitCode.broken);
  }
  return dialJoined(name, access, { ...access.toPeer(pingMetadata), waitMs: timeoutMs, signal });
}

/** Sends one ping, and returns the milliseconds until its answer. */
export async function roundTrip(stream: RouterStream, number: number, signal: AbortSignal): Promise<number> {
  const bytes = new Uint8Array(pingBytes);
  new DataView(bytes.buffer).setFloat64(0, number);
  const startMs = monotonicMs();
  await stream.send(bytes, { signal });
  const answer = await stream.receive({ signal });
  if (answer?.length !== pingBytes || answer.some((octet, index) => octet !== bytes[index]))
    throw new Error(answer === undefined ? "the exposer has ended the stream" : "the answer is not what was sent");
  return Math.round((monotonicMs() - startMs) * 1_000) / 1_000;
}

function noAnswer(name: string, number: number, timeoutMs: number, cause: unknown): CommandError {
  const isLate = (cause as { readonly name?: unknown } | null)?.name === "TimeoutError";
  const ping = `ping ${number} of ${JSON.stringify(name)}`;
  const message = isLate ? `${ping} had no answer within ${timeoutMs} ms` : `${ping} failed: ${reasonOf(cause)}`;
  return new CommandError(message, ExitCode.broken, { cause });
}

function summarize(name: string, times: readonly number[], { output }: Context): void {
  const min = Math.min(...times);
  const max = Math.max(...times);
  const mean = Math.round((times.reduce((sum, ms) => sum + ms, 0) / times.length) * 1_000) / 1_000;
  const figures = [min, mean, max].map((ms) => ms.toFixed(2)).join("/");
  output.note(
    "info",
    { event: "ping-summary", name, answers: times.length, minMs: min, meanMs: mean, maxMs: max },
    `${times.length} answers from ${JSON.stringify(name)}; min/mean/max ${figures} ms`,
  );
}
