/**
 * `trunkline demo`: everything at once, on this machine, with nothing to set up. One process: the bytes go over the
 * same sockets as with three, it ends as a whole, and there is one log to look at.
 */
import { formatBytes, perSecond } from "@trunkline/base";
import { CommandError, reasonOf } from "../command-error.js";
import { type Context, interrupted } from "../context.js";
import { download } from "../demo/download.js";
import { makeSampleFile, type SampleFile } from "../demo/sample-file.js";
import { startDemoService } from "../demo/service.js";
import { openTunnel } from "../demo/tunnel.js";
import { ExitCode } from "../exit-codes.js";
import { formatDuration, formatRate } from "../format.js";
import type { OutputEvent } from "../output.js";
import { showProgress } from "../progress-line.js";
import { parseWholeNumber } from "../whole-number.js";

/** Options of `trunkline demo`. */
export interface DemoOptions {
  /** True ends the command after the check. */
  readonly once?: boolean;
  /** The size of the file in MB. */
  readonly size: string;
}

const maxSizeMb = 100_000;

const name = "demo";

/**
 * Runs until interrupted, or with `once` until the check is done.
 * @throws CommandError when the checksums differ, or a step before fails
 */
export async function demo(options: DemoOptions, context: Context): Promise<void> {
  const { output, signal } = context;
  const bytes = parseSize(options.size);
  const say = (event: OutputEvent, ...lines: string[]): void => output.result(event, lines.join("\n"));

  say({ event: "preparing", bytes }, `Making a file of ${formatBytes(bytes)} that nothing can compress …`);
  using file = await makeSampleFile(bytes, signal);
  await using service = await startDemoService(file, name);
  const target = { host: "127.0.0.1", port: service.port };
  await using tunnel = await openTunnel({
    name,
    target,
    report: (level, event, text) => output.note(level === "info" ? "debug" : level, event, text),
  });
  say(
    {
      event: "listening",
      router: tunnel.endpoint,
      service: `127.0.0.1:${service.port}`,
      name,
      address: tunnel.address,
    },
    "",
    `  router    ${tunnel.endpoint}  exchange and router, with a key made on the spot`,
    `  service   127.0.0.1:${service.port}  exposed as "${name}"`,
    `  tunnel    ${tunnel.address}  connected to "${name}"`,
    "",
    "Moving the file: service → expose → router → connect → here",
  );
  await move(file, `http://${tunnel.address}/sample.bin`, context);
  if (options.once === true) return;

  const { serveDashboard } = await import("@trunkline/dashboard");
  await using dashboard = await serveDashboard(tunnel.router.admin, { address: { host: "127.0.0.1", port: 0 } });
  const link = dashboard.newLink();
  say(
    { event: "ready", url: `http://${tunnel.address}/`, dashboard: link },
    "",
    `Open  http://${tunnel.address}/`,
    `and   ${link}`,
    "      the dashboard of the router; the link is good once, for five minutes",
    "",
    "The same by hand, in three terminals:",
    `  ${context.program} router`,
    `  ${context.program} expose web ${service.port}`,
    `  ${context.program} connect web --listen 8080`,
    "and then open http://127.0.0.1:8080/",
    "",
    "Ctrl-C ends the demo.",
  );
  await interrupted(signal);
}

/** @throws CommandError unless the very bytes of the file arrive */
async function move(file: SampleFile, url: string, { output, signal }: Context): Promise<void> {
  const progress = showProgress(output, file.bytes);
  const arrived = await download(url, { signal, onProgress: (bytes) => progress.update(bytes) })
    .catch((error: unknown) => {
      throw signal.aborted
        ? error
        : new CommandError(`the file did not arrive: ${reasonOf(error)}`, ExitCode.mismatch, { cause: error });
    })
    .finally(() => progress.stop());
  const { bytes, elapsedMs, sha256 } = arrived;
  const same = sha256 === file.sha256;
  const event = {
    event: "moved",
    bytes,
    elapsedMs: Math.round(elapsedMs),
    bytesPerSecond: Math.round(perSecond(0, bytes, elapsedMs)),
  };
  output.result(
    { ...event, sha256Sent: file.sha256, sha256Received: sha256, same },
    [
      `  ${formatBytes(bytes)} in ${formatDuration(elapsedMs)}: ${formatRate(bytes, elapsedMs)}`,
      `  SHA-256 of what was sent  ${file.sha256}`,
      `  SHA-256 of what arrived   ${sha256}  ${same ? "the same" : "NOT THE SAME"}`,
    ].join("\n"),
  );
  if (!same) throw new CommandError(`the SHA-256 of what arrived is ${sha256}, not ${file.sha256}`, ExitCode.mismatch);
}

/** Returns the bytes of a size in MB, of which each is 10^6. */
function parseSize(text: string): number {
  return parseWholeNumber(text, "--size", maxSizeMb, ", in MB") * 1_000_000;
}
