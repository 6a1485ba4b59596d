/**
 * Signals to the command: SIGINT, SIGTERM, and SIGHUP of a terminal that was closed. The first one asks the command to
 * end in order, the second one ends it at once. A command that has files to look at again takes SIGHUP for that.
 */
import { constants } from "node:os";
import { monotonicMs } from "@trunkline/base/node";
import { signalExitBase } from "./exit-codes.js";

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
export type EndingSignal = (typeof signals)[number];

/** The part of `process` that signals come from and that ends the process. */
export interface SignalSource {
  on(signal: EndingSignal, listener: (signal: EndingSignal) => void): unknown;
  off(signal: EndingSignal, listener: (signal: EndingSignal) => void): unknown;
  exit(code: number): void;
}

/** The reason for which a command ends in order. */
export class Interrupted extends Error {
  override name = "Interrupted";
  /** The signal, or `"EPIPE"` when the reader of the output has gone. */
  readonly by: EndingSignal | "EPIPE";

  constructor(by: EndingSignal | "EPIPE") {
    super(by === "EPIPE" ? "the reader of the output has gone" : `ended by ${by}`);
    this.by = by;
  }

  /** The exit code of a command that could not do its work: that of a shell for a process that the signal has ended. */
  get exitCode(): number {
    return signalExitBase + constants.signals[this.by === "EPIPE" ? "SIGPIPE" : this.by];
  }
}

/** The signal of one run, and the end of listening to the process. */
export interface Interruption {
  /** Aborts with an `Interrupted`, or with the reason of a stdout that takes no more. */
  readonly signal: AbortSignal;
  /** Has SIGHUP call the listener, and not end the command. Returns what takes the listener away. */
  onHangup(listener: () => void): () => void;
  /** Removes the listeners. */
  stop(): void;
}

/**
 * The time in which a second signal counts as the first: a Ctrl-C under npm comes twice, from the terminal and from
 * npm.
 */
const sameSignalMs = 250;

/**
 * Listens to the signals of `source`, and to `outputLost`, whose reason becomes that of the command's end. `nowMs` is
 * monotonic. In a terminal (`isInteractive`) SIGHUP says that it was closed, and ends the command whatever listens.
 */
export function interruptible(
  source: SignalSource,
  outputLost: AbortSignal,
  nowMs: () => number = monotonicMs,
  isInteractive = false,
): Interruption {
  let hangup: (() => void) | undefined;
  const controller = new AbortController();
  let firstMs: number | undefined;
  const onSignal = (signal: EndingSignal): void => {
    if (signal === "SIGHUP" && hangup !== undefined && !isInteractive) hangup();
    else if (firstMs === undefined) {
      firstMs = nowMs();
      controller.abort(new Interrupted(signal));
    } else if (nowMs() - firstMs >= sameSignalMs) {
      source.exit(new Interrupted(signal).exitCode);
    }
  };
  const onOutputLost = (): void => controller.abort(outputLost.reason);
  for (const signal of signals) source.on(signal, onSignal);
  outputLost.addEventListener("abort", onOutputLost);
  return {
    signal: controller.signal,
    onHangup(listener) {
      hangup = listener;
      return () => {
        if (hangup === listener) hangup = undefined;
      };
    },
    stop() {
      for (const signal of signals) source.off(signal, onSignal);
      outputLost.removeEventListener("abort", onOutputLost);
    },
  };
}
