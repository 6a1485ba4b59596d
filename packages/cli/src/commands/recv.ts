/** `trunkline recv NAME`: receives one transfer of `trunkline send`. */
import process from "node:process";
import { monotonicMs, systemClock } from "@trunkline/base/node";
import type { Listener, RouterStream } from "@trunkline/router";
import { streamFromWritable } from "@trunkline/streams/node";
import { refuseClosedOutput } from "../closed-output.js";
import { CommandError } from "../command-error.js";
import { type Context, type ResumeOption, resumeMsOf } from "../context.js";
import { ExitCode } from "../exit-codes.js";
import { checkExposedName } from "../exposed-name.js";
import { routerFailure } from "../grpc-failure.js";
import { pingMetadata, pingStreams } from "../pings.js";
import { type AccessOptions, RouterAccess } from "../router-access.js";
import type { Destination } from "../transfer/destination.js";
import { FolderDestination } from "../transfer/folder.js";
import { OutputDestination } from "../transfer/output-destination.js";
import { receiveEntries } from "../transfer/receiver.js";
import { closeTimeoutMs, reportTotals, transferMetadata, whileOpen } from "../transfer/run.js";

/** Options of `trunkline recv`. */
export interface RecvOptions extends AccessOptions, ResumeOption {
  /** The folder that files are put into. */
  readonly to: string;
  /** True replaces files of the same names. */
  readonly overwrite?: boolean;
  /** True writes the one file to standard output. */
  readonly stdout?: boolean;
}

/** Waits for one transfer, and ends when everything is in its place. @throws CommandError */
export async function recv(name: string, options: RecvOptions, context: Context): Promise<void> {
  const { output, signal } = context;
  const { to, overwrite = false, stdout = false } = options;
  if (stdout && output.json)
    throw new CommandError("--json and --stdout exclude each other: stdout is the file", ExitCode.usage);
  checkExposedName(name);
  if (stdout) refuseClosedOutput(output, "the file");
  if (to === "") throw new CommandError('--to "" is empty; use . for this folder', ExitCode.usage);
  await using access = await RouterAccess.open(
    options,
    { graceMs: closeTimeoutMs, resumeMs: resumeMsOf(options) },
    context,
  );
  const destination: Destination = stdout
    ? new OutputDestination(streamFromWritable(process.stdout))
    : await FolderDestination.open(to, name, overwrite);
  if (stdout) output.handOver();
  const stream = await nextSender(name, access, context);
  const startMs = monotonicMs();
  const totals = await whileOpen(stream, signal, () => receiveEntries(stream, destination));
  reportTotals("received", totals, name, monotonicMs() - startMs, context);
}

/** Listens under the name, and returns the stream of the first sender. @throws CommandError */
async function nextSender(name: string, access: RouterAccess, context: Context): Promise<RouterStream> {
  const { output, signal } = context;
  const client = await access.client();
  const { endpoint } = client;
  const pings = pingStreams(systemClock);
  try {
    const metadata = { ...pingMetadata, ...transferMetadata };
    await using listener: Listener = await client.listen(name, {
      ...access.toPeers(metadata),
      signal,
      resume: access.resume,
    });
    const text = `waiting for: trunkline send FILE… ${name}`;
    output.note("info", { event: "exposed", name, target: "recv", endpoint }, text);
    for await (const stream of listener) if (!pings.take(stream)) return stream;
    throw signal.reason;
  } catch (error) {
    throw signal.aborted ? signal.reason : routerFailure(error, { endpoint, name });
  }
}
