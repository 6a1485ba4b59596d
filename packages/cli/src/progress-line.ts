/** Shows the progress of a transfer: a bar on a terminal, a line for each tenth elsewhere, events with `--json`. */
import { formatBytes } from "@trunkline/base";
import progress from "cli-progress";
import { fitting, formatRate } from "./format.js";
import type { Output } from "./output.js";

/** The display of one transfer. */
export interface ProgressLine {
  update(bytes: number): void;
  /** Removes the bar from the terminal. Idempotent. */
  stop(): void;
}

/** Begins the display of a transfer of `totalBytes`; of one whose size is not known, nothing is shown. */
export function showProgress(output: Output, totalBytes: number): ProgressLine {
  const startMs = performance.now();
  if (totalBytes === 0) return { update: () => {}, stop: () => {} };
  return output.interactive ? bar(output, totalBytes, startMs) : tenths(output, totalBytes, startMs);
}

function bar(output: Output, totalBytes: number, startMs: number): ProgressLine {
  const single = new progress.SingleBar({
    stream: output.terminal,
    clearOnComplete: true,
    hideCursor: true,
    // The command handles signals itself.
    gracefulExit: false,
    format(options, { progress: portion, value }) {
      const rate = formatRate(value, performance.now() - startMs);
      const parts = [
        `  ${Math.floor(portion * 100)} %`,
        `  ${formatBytes(value)} of ${formatBytes(totalBytes)}`,
        `  ${rate}`,
      ];
      // One character is left free: some terminals begin another line with the last one.
      const columns = output.columns - 1;
      const barsize = Math.min(barChars, columns - parts.join("").length - 1);
      if (barsize < leastBarChars) return fitting(parts, columns).join("");
      return `  ${progress.Format.BarFormat(portion, { ...options, barsize })}${parts.join("").slice(1)}`;
    },
    barCompleteChar: "█",
    barIncompleteChar: "░",
    barsize: barChars,
  });
  single.start(totalBytes, 0);
  return { update: (bytes) => single.update(bytes), stop: () => single.stop() };
}

/** The length of the bar, and the one below which it says nothing. */
const barChars = 30;
const leastBarChars = 8;

function tenths(output: Output, totalBytes: number, startMs: number): ProgressLine {
  let shown = 0;
  return {
    update(bytes) {
      const tenth = Math.floor((bytes * 10) / totalBytes);
      if (tenth <= shown) return;
      shown = tenth;
      const rate = formatRate(bytes, performance.now() - startMs);
      output.result(
        { event: "progress", bytes, totalBytes },
        `  ${String(tenth * 10).padStart(3)} %  ${formatBytes(bytes)} of ${formatBytes(totalBytes)}  ${rate}`,
      );
    },
    stop: () => {},
  };
}
