/** SIGINT, SIGTERM and a terminal that was closed (SIGHUP): the first asks the command to end in order, the second ends it at once. */
import { constants } from "node:os";
import { signalExitBase } from "./exit-codes.js";

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
export type EndingSignal = (typeof signals)[number];

/** Where signals come from and where the end is made: `process`. */
export interface SignalSource {
  on(signal: EndingSignal, listener: (signal: EndingSignal) => void): unknown;
  off(signal: EndingSignal, listener: (signal: EndingSignal) => void): unknown;
  exit(code: number): void;
}

/** Why the command ends in order. */
export class Interrupted extends Error {
  override name = "Interrupted";
  /** What came: a signal's name, or that the output has no reader any more. */
  readonly by: EndingSignal | "EPIPE";

  constructor(by: EndingSignal | "EPIPE") {
    super(by === "EPIPE" ? "nobody reads the output any more" : `ended by ${by}`);
    this.by = by;
  }
}

export interface Interruption {
  /** Its reason is an `Interrupted`. */
  readonly signal: AbortSignal;
  /** Takes the listeners off. */
  stop(): void;
}

/** One Ctrl-C under npm comes twice, from the terminal and from npm; nobody presses it again as fast as this. */
const sameSignalMs = 250;

/** `nowMs` is monotonic. */
export function interruptible(
  source: SignalSource,
  readerGone: AbortSignal,
  nowMs: () => number = () => performance.now(),
): Interruption {
  const controller = new AbortController();
  let firstMs: number | undefined;
  const onSignal = (signal: EndingSignal): void => {
    if (firstMs === undefined) {
      firstMs = nowMs();
      controller.abort(new Interrupted(signal));
    } else if (nowMs() - firstMs >= sameSignalMs) {
      source.exit(signalExitBase + constants.signals[signal]);
    }
  };
  const onReaderGone = (): void => controller.abort(new Interrupted("EPIPE"));
  for (const signal of signals) source.on(signal, onSignal);
  readerGone.addEventListener("abort", onReaderGone);
  return {
    signal: controller.signal,
    stop() {
      for (const signal of signals) source.off(signal, onSignal);
      readerGone.removeEventListener("abort", onReaderGone);
    },
  };
}
