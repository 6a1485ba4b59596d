/** A child process as a stream: its standard input and output. */
import type { ChildProcess } from "node:child_process";
import type { Readable } from "node:stream";
import { type Clock, checkOptionNames, deferred, optionNames, reasonText } from "@trunkline/base";
import { systemClock } from "@trunkline/base/node";
import { type AttributeKey, type Attributes, attributesOver, sharedAttribute } from "../contract/attributes.js";
import { BrokenStreamError } from "../contract/errors.js";
import type { ObjectStream, ReceiveStream } from "../contract/stream.js";
import { receiveStream } from "../endpoints/receive-stream.js";
import { stapled } from "../endpoints/stapled.js";
import { ProcessInput } from "./process-input.js";
import { type ReadableOptions, readableStream, writableStream } from "./readable-writable.js";

/** The way in which a process ended: with a code, or by a signal. */
export interface ExitStatus {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** The process identifier of the process behind a stream. */
export const processId: AttributeKey<number> = sharedAttribute("@trunkline/streams", "processId");

/** The exit status of the process behind a stream; absent while it runs. */
export const exitStatus: AttributeKey<ExitStatus> = sharedAttribute("@trunkline/streams", "exitStatus");

/** Options of `streamFromChildProcess`. */
export interface ChildProcessOptions extends ReadableOptions {
  /**
   * The exit codes after which the output counts as complete. Any other one, and a signal, is a `BrokenStreamError` in
   * place of the end. Default `[0]`; `"any"` takes the output as it is.
   */
  readonly endCodes?: readonly number[] | "any";
  /** The signal that `abort` sends to the process. Default `"SIGTERM"`. */
  readonly killSignal?: NodeJS.Signals;
}

const childProcessOptionNames = optionNames<ChildProcessOptions>({
  clock: true,
  attributes: true,
  maxBufferedBytes: true,
  endCodes: true,
  killSignal: true,
});

/** The number of bytes of standard error, counted from its end, that are kept for the message of an error. */
const maxErrorTextBytes = 2_048;

/**
 * Makes a stream of a child process that was spawned with pipes for stdin and stdout: it sends to stdin and receives
 * from stdout. The end of stdout comes when the process has exited, and counts only after an exit with one of
 * `endCodes`: otherwise `receive` rejects with a `BrokenStreamError` of code `EXIT_STATUS` or `SPAWN_FAILED`, after all
 * output. If stderr is a pipe without listeners, its last 2 KiB are in the message. `abort` kills the process, and so
 * does a `close` that takes too long. What is sent after the process has ended well is discarded.
 *
 * Attributes: `processId`, `exitStatus`.
 * @throws TypeError if its stdin or stdout is no pipe
 */
export function streamFromChildProcess(
  child: ChildProcess,
  options: ChildProcessOptions = {},
): ObjectStream<Uint8Array> {
  checkOptionNames("streamFromChildProcess", options, childProcessOptionNames);
  const { stdin, stdout } = child;
  if (stdin === null || stdout === null)
    throw new TypeError("stdin and stdout of the child process must both be pipes");
  const { endCodes = [0], clock = systemClock } = options;
  const attributes = new Map<AttributeKey<unknown>, unknown>();
  if (child.pid !== undefined) attributes.set(processId, child.pid);
  const isGoodEnd = ({ code }: ExitStatus): boolean =>
    child.pid !== undefined && (endCodes === "any" || (code !== null && endCodes.includes(code)));
  const exited = exitOf(child).then((status) => {
    attributes.set(exitStatus, status);
    return status;
  });
  const input = new ProcessInput(stdin, exited.then(isGoodEnd), clock);
  const output = outputOf(child, stdout, attributes, exited, isGoodEnd, options);
  return stapled(output, writableStream(input, options));
}

/** Resolves when the process has exited, or could not be started. */
function exitOf(child: ChildProcess): Promise<ExitStatus> {
  return new Promise((resolve) => {
    const settle = (code: number | null, signal: NodeJS.Signals | null): void => resolve({ code, signal });
    if (child.exitCode !== null || child.signalCode !== null) settle(child.exitCode, child.signalCode);
    else child.once("exit", settle).once("close", settle); // only `close` comes if it could not be spawned
  });
}

/** Makes a stream of standard output whose end waits for the exit of the process. */
function outputOf(
  child: ChildProcess,
  stdout: Readable,
  attributes: Map<AttributeKey<unknown>, unknown>,
  exited: Promise<ExitStatus>,
  isGoodEnd: (status: ExitStatus) => boolean,
  options: ChildProcessOptions,
): ReceiveStream<Uint8Array> {
  const { killSignal = "SIGTERM" } = options;
  const errorText = lastOf(child.stderr, options.clock ?? systemClock);
  const output = readableStream(stdout, options);
  const all: Attributes = attributesOver(options.attributes ?? new Map(), output.extraAttributes);
  for (const [key, value] of all) if (!attributes.has(key)) attributes.set(key, value);
  let spawnError: Error | undefined;
  child.on("error", (error) => {
    spawnError ??= error;
  });
  return receiveStream<Uint8Array>({
    async pull() {
      if (child.pid !== undefined) {
        const chunk = await output.receive();
        if (chunk !== undefined) return chunk;
      }
      const status = await exited;
      if (child.pid === undefined) {
        const message = `the process could not be started: ${reasonText(spawnError ?? "it has no process id")}`;
        throw new BrokenStreamError(message, { code: "SPAWN_FAILED", cause: spawnError });
      }
      if (isGoodEnd(status)) return undefined;
      throw new BrokenStreamError(`the process ended with ${statusText(status)}${await errorText()}`, {
        code: "EXIT_STATUS",
      });
    },
    cancel(reason) {
      child.kill(killSignal);
      output.abort(reason);
    },
    attributes,
  });
}

function statusText({ code, signal }: ExitStatus): string {
  return code === null ? `signal ${signal}` : `exit code ${code}`;
}

/**
 * The longest wait for the end of standard error after the exit. The text of the process itself is in the pipe by then,
 * and is read within a turn; a grandchild may hold the pipe open for ever.
 */
const errorTextWaitMs = 200;

/**
 * Reads standard error, which would stop the process when it is full. Returns a function that gives the last of it
 * after the exit.
 */
function lastOf(stderr: Readable | null, clock: Clock): () => Promise<string> {
  if (stderr === null || stderr.listenerCount("data") > 0 || stderr.listenerCount("readable") > 0)
    return () => Promise.resolve("");
  let last = Buffer.alloc(0);
  stderr.on("data", (chunk: Buffer) => {
    last = Buffer.concat([last, chunk]).subarray(-maxErrorTextBytes);
  });
  const closed = new Promise<void>((resolve) => {
    if (stderr.closed) resolve();
    else stderr.once("error", () => resolve()).once("close", resolve);
  });
  return async () => {
    const waited = deferred<void>();
    const cancel = clock.at(clock.nowMs() + errorTextWaitMs, waited.resolve, "work");
    await Promise.race([closed, waited.promise]);
    cancel();
    const text = last.toString("utf8").trim();
    return text === "" ? "" : `: ${text}`;
  };
}
