/** Asks again and again whether a target is well, and tells of each change that is beyond doubt. */
import { type Clock, onAbort } from "@trunkline/base";
import { CommandError, reasonOf } from "../command-error.js";
import { parseDuration } from "../duration.js";
import { ExitCode } from "../exit-codes.js";
import { formatDuration } from "../format.js";
import type { Target } from "../target.js";
import { parseWholeNumber } from "../whole-number.js";
import { checkedAddress, type HealthCheck, parseHealthCheck } from "./health-checks.js";

/** Options of the health check of `expose`. */
export interface HealthOptions {
  readonly health?: string | undefined;
  readonly healthInterval: string;
  readonly healthTimeout: string;
  /**
   * The number of checks in a row that fail before the target counts as failing, and that succeed before it does not.
   */
  readonly healthFailures: string;
  readonly healthSuccesses: string;
}

/** The options, read. */
export interface HealthPlan {
  readonly check: HealthCheck;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly failures: number;
  readonly successes: number;
}

const minIntervalMs = 1_000;
const maxIntervalMs = 3_600_000;
const maxThreshold = 100;

/** Returns the plan; undefined without `--health`. @throws CommandError, also for a target that it does not fit */
export function healthPlan(options: HealthOptions, targets: readonly Target[]): HealthPlan | undefined {
  if (options.health === undefined) return undefined;
  const check = parseHealthCheck(options.health);
  for (const target of targets) checkedAddress(check, target);
  const duration = (text: string, name: string, leastMs: number): number => {
    const ms = parseDuration(text, name, maxIntervalMs);
    if (ms >= leastMs) return ms;
    throw new CommandError(
      `${name} ${JSON.stringify(text)} is shorter than ${formatDuration(leastMs)}`,
      ExitCode.usage,
    );
  };
  return {
    check,
    intervalMs: duration(options.healthInterval, "--health-interval", minIntervalMs),
    timeoutMs: duration(options.healthTimeout, "--health-timeout", 1),
    failures: parseWholeNumber(options.healthFailures, "--health-failures", maxThreshold),
    successes: parseWholeNumber(options.healthSuccesses, "--health-successes", maxThreshold),
  };
}

/** The check of one target. The first result counts at once, the later ones by the thresholds. */
export class HealthMonitor {
  readonly #plan: HealthPlan;
  readonly #ask: (signal: AbortSignal) => Promise<void>;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  readonly #onChange: (problem: string | undefined) => void;
  #problem: string | undefined;
  /** The number of results in a row that speak against the present state. */
  #against = 0;
  #cancel: () => void = () => {};

  /** @param ask asks once, and resolves where the target is well */
  constructor(
    plan: HealthPlan,
    ask: (signal: AbortSignal) => Promise<void>,
    { clock, signal, onChange }: { clock: Clock; signal: AbortSignal; onChange(problem: string | undefined): void },
  ) {
    this.#plan = plan;
    this.#ask = ask;
    this.#clock = clock;
    this.#signal = signal;
    this.#onChange = onChange;
    onAbort(signal, () => this.#cancel());
  }

  /** The reason for which the target counts as failing; undefined while it is well. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Asks for the first time, and from then on until the signal aborts. Resolves after the first answer. */
  async begin(): Promise<void> {
    const problem = await this.#result();
    if (problem !== undefined) this.#change(problem);
    this.#await();
  }

  #await(): void {
    if (this.#signal.aborted) return;
    const atMs = this.#clock.nowMs() + this.#plan.intervalMs;
    this.#cancel = this.#clock.at(atMs, () => void this.#again(), "work");
  }

  async #again(): Promise<void> {
    const problem = await this.#result();
    if (this.#signal.aborted) return;
    const isFailing = this.#problem !== undefined;
    this.#against = (problem !== undefined) === isFailing ? 0 : this.#against + 1;
    const { failures, successes } = this.#plan;
    if (this.#against >= (isFailing ? successes : failures)) this.#change(problem);
    this.#await();
  }

  #change(problem: string | undefined): void {
    this.#against = 0;
    this.#problem = problem;
    this.#onChange(problem);
  }

  /** Returns why the target is not well. A check that takes too long is ended. */
  async #result(): Promise<string | undefined> {
    const { timeoutMs } = this.#plan;
    const late = new AbortController();
    const onLate = (): void => late.abort(new Error(`no answer within ${formatDuration(timeoutMs)}`));
    const cancel = this.#clock.at(this.#clock.nowMs() + timeoutMs, onLate, "watch");
    try {
      await this.#ask(AbortSignal.any([this.#signal, late.signal]));
      return undefined;
    } catch (error) {
      return reasonOf(error);
    } finally {
      cancel();
    }
  }
}
