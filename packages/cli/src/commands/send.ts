/** `trunkline send FILE… NAME`: files and folders to `trunkline recv NAME`. */
import { monotonicMs } from "@trunkline/base/node";
import { CommandError } from "../command-error.js";
import { type Context, pause, type ResumeOption, resumeMsOf } from "../context.js";
import { dialPatiently } from "../dialling.js";
import { parseDuration } from "../duration.js";
import { ExitCode } from "../exit-codes.js";
import { checkExposedName } from "../exposed-name.js";
import { routerFailure, unknownName } from "../grpc-failure.js";
import { showProgress } from "../progress-line.js";
import { type AccessOptions, RouterAccess } from "../router-access.js";
import { incomplete } from "../transfer/incomplete.js";
import { closeTimeoutMs, receivesTransfers, reportTotals, whileOpen } from "../transfer/run.js";
import { sendEntries } from "../transfer/sender.js";
import { entriesOf, type Item, itemsOf } from "../transfer/source.js";

/** Options of `trunkline send`. */
export interface SendOptions extends AccessOptions, ResumeOption {
  /** The name of the one file at the other side. */
  readonly as?: string;
  /** The time to wait for the receiver; true is without limit. */
  readonly wait: string | true;
}

const maxWaitMs = 86_400_000;
const lookAgainMs = 500;

/** Sends, and ends when the receiver has stored everything. @throws CommandError */
export async function send(words: readonly string[], options: SendOptions, context: Context): Promise<void> {
  const { output, signal } = context;
  const [name, ...paths] = [words.at(-1) as string, ...words.slice(0, -1)];
  if (paths.length === 0)
    throw new CommandError("a file and the receiver's name are needed: trunkline send FILE… NAME", ExitCode.usage);
  checkExposedName(name);
  const waitMs = options.wait === true ? Number.POSITIVE_INFINITY : parseDuration(options.wait, "--wait", maxWaitMs);
  const items = await itemsOf(paths, options.as);
  const bytes = await totalBytes(items, signal);
  await using access = await RouterAccess.open(
    options,
    { graceMs: closeTimeoutMs, resumeMs: resumeMsOf(options) },
    context,
  );
  await awaitReceiver(name, access, waitMs, context);
  const stream = await dialPatiently(name, access, { waitMs, signal });
  const startMs = monotonicMs();
  const progress = showProgress(output, bytes);
  try {
    const leftOut = (text: string): void => output.note("warn", { event: "left-out", text }, text);
    const totals = await whileOpen(stream, signal, () =>
      sendEntries(stream, entriesOf(items, leftOut), (done) => progress.update(done)),
    );
    progress.stop();
    reportTotals("sent", totals, name, monotonicMs() - startMs, context);
  } catch (error) {
    if (error instanceof CommandError || signal.aborted) throw error;
    throw incomplete(error);
  } finally {
    progress.stop();
  }
}

/** Returns the bytes of all files. What is missing or cannot be read is known before anything is sent. */
async function totalBytes(items: readonly Item[], signal: AbortSignal): Promise<number> {
  let bytes = 0;
  for await (const { size = 0 } of entriesOf(items, () => {})) {
    signal.throwIfAborted();
    bytes += size;
  }
  return bytes;
}

/** Waits until `recv` listens under the name. @throws CommandError */
async function awaitReceiver(name: string, access: RouterAccess, waitMs: number, context: Context): Promise<void> {
  const { output, signal } = context;
  const untilMs = monotonicMs() + waitMs;
  for (let looks = 0; ; looks++) {
    const client = await access.client();
    const { endpoint } = client;
    try {
      const listed = (await client.list({ signal })).find((each) => each.name === name);
      if (listed !== undefined) {
        if (receivesTransfers(listed)) return;
        const message = `${JSON.stringify(name)} is exposed at ${endpoint}, but not by trunkline recv`;
        throw new CommandError(message, ExitCode.unknownName);
      }
    } catch (error) {
      throw signal.aborted ? signal.reason : routerFailure(error, { endpoint, name });
    }
    if (monotonicMs() + lookAgainMs > untilMs) throw unknownName(name, endpoint, { begin: `trunkline recv ${name}` });
    if (looks === 0) {
      const text = `waiting for the receiver: trunkline recv ${name}`;
      output.note("info", { event: "waiting", name, endpoint }, text);
    }
    await pause(lookAgainMs, signal);
    signal.throwIfAborted();
  }
}
