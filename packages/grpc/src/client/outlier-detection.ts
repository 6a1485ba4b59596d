/**
 * Outlier detection: it looks at the outcomes of calls from time to time, and ejects endpoints that fail more than
 * others. This file must not know what an endpoint is, or how calls are chosen for it.
 * @see gRFC A50, from which the steps are
 */
import type { Clock } from "@trunkline/streams";
import type { ResolvedOutlierDetection } from "./outlier-config.js";

/** The outcomes of an endpoint's calls since the last look, and its ejection. */
export class EndpointOutcomes {
  /** True while outcomes are counted. */
  counting = false;
  succeeded = 0;
  failed = 0;
  /** The time of the ejection that holds; undefined while the endpoint is in use. */
  ejectedAtMs: number | undefined = undefined;
  /** The number by which the next ejection is longer than the first. */
  multiplier = 0;

  count(succeeded: boolean): void {
    if (!this.counting) return;
    if (succeeded) this.succeeded += 1;
    else this.failed += 1;
  }

  /** Forgets the counts. Returns them. */
  take(): Outcomes {
    const { succeeded, failed } = this;
    this.succeeded = 0;
    this.failed = 0;
    return { endpoint: this, total: succeeded + failed, successRate: succeeded / (succeeded + failed) };
  }
}

/** The outcomes in one interval. */
interface Outcomes {
  readonly endpoint: EndpointOutcomes;
  readonly total: number;
  /** The part of the calls that have succeeded, from 0 to 1. */
  readonly successRate: number;
}

export class OutlierDetector {
  readonly #clock: Clock;
  readonly #onChange: () => void;
  readonly #endpoints: Set<EndpointOutcomes> = new Set();
  #config: ResolvedOutlierDetection | undefined;
  /** The time at which the present interval began. */
  #startedAtMs: number | undefined;
  #cancel: () => void = () => {};

  /** `onChange` is called when endpoints were ejected or have come back. */
  constructor(config: ResolvedOutlierDetection | undefined, clock: Clock, onChange: () => void) {
    this.#config = config;
    this.#clock = clock;
    this.#onChange = onChange;
  }

  /** The milliseconds until the next look at the outcomes, at which an ejection may end. */
  get nextLookMs(): number {
    if (this.#startedAtMs === undefined) return 0;
    const { intervalMs = 0 } = this.#config ?? {};
    return Math.max(1, Math.ceil(this.#startedAtMs + intervalMs - this.#clock.nowMs()));
  }

  get #counts(): boolean {
    return this.#config?.successRate !== undefined || this.#config?.failurePercentage !== undefined;
  }

  add(endpoint: EndpointOutcomes): void {
    endpoint.counting = this.#counts;
    this.#endpoints.add(endpoint);
    if (this.#startedAtMs === undefined) this.#begin();
  }

  delete(endpoint: EndpointOutcomes): void {
    endpoint.counting = false;
    this.#endpoints.delete(endpoint);
    if (this.#endpoints.size === 0) this.#stop();
  }

  /** Goes on with another config. The present interval keeps its beginning. */
  reconfigure(config: ResolvedOutlierDetection | undefined): void {
    this.#config = config;
    for (const endpoint of this.#endpoints) {
      const counting = this.#counts;
      if (counting && !endpoint.counting) endpoint.take();
      endpoint.counting = counting;
    }
    if (this.#counts) {
      if (this.#endpoints.size > 0) this.#begin();
      return;
    }
    this.#stop();
    let changed = false;
    for (const endpoint of this.#endpoints) {
      changed ||= endpoint.ejectedAtMs !== undefined;
      endpoint.ejectedAtMs = undefined;
      endpoint.multiplier = 0;
    }
    if (changed) this.#onChange();
  }

  #begin(): void {
    const config = this.#config;
    if (config === undefined || !this.#counts) return;
    this.#cancel();
    this.#startedAtMs ??= this.#clock.nowMs();
    this.#cancel = this.#clock.at(this.#startedAtMs + config.intervalMs, () => this.#look(config), "watch");
  }

  #stop(): void {
    this.#cancel();
    this.#startedAtMs = undefined;
  }

  #look(config: ResolvedOutlierDetection): void {
    const nowMs = this.#clock.nowMs();
    this.#startedAtMs = nowMs;
    const before = this.#ejected;
    const outcomes = Array.from(this.#endpoints, (endpoint) => endpoint.take());
    this.#ejectByRate(outcomes, config, nowMs);
    this.#ejectByFailures(outcomes, config, nowMs);
    let returned = false;
    for (const endpoint of this.#endpoints) {
      if (endpoint.ejectedAtMs === undefined) endpoint.multiplier = Math.max(0, endpoint.multiplier - 1);
      else if (nowMs > endpoint.ejectedAtMs + ejectionMs(endpoint, config)) {
        endpoint.ejectedAtMs = undefined;
        returned = true;
      }
    }
    this.#begin();
    if (returned || this.#ejected !== before) this.#onChange();
  }

  get #ejected(): number {
    let ejected = 0;
    for (const { ejectedAtMs } of this.#endpoints) if (ejectedAtMs !== undefined) ejected += 1;
    return ejected;
  }

  #ejectByRate(all: readonly Outcomes[], config: ResolvedOutlierDetection, nowMs: number): void {
    const { successRate: algorithm } = config;
    if (algorithm === undefined) return;
    const enough = withVolume(all, algorithm.requestVolume);
    if (enough.length === 0 || enough.length < algorithm.minimumHosts) return;
    const mean = enough.reduce((sum, { successRate }) => sum + successRate, 0) / enough.length;
    const variance = enough.reduce((sum, { successRate }) => sum + (successRate - mean) ** 2, 0) / enough.length;
    const required = mean - Math.sqrt(variance) * (algorithm.stdevFactor / 1_000);
    const outliers = enough.filter(({ successRate }) => successRate < required);
    this.#eject(outliers, config.maxEjectionPercent, algorithm.enforcementPercentage, nowMs);
  }

  #ejectByFailures(all: readonly Outcomes[], config: ResolvedOutlierDetection, nowMs: number): void {
    const { failurePercentage: algorithm } = config;
    if (algorithm === undefined) return;
    const enough = withVolume(all, algorithm.requestVolume);
    if (enough.length < algorithm.minimumHosts) return;
    const outliers = enough.filter(({ successRate }) => (1 - successRate) * 100 > algorithm.threshold);
    this.#eject(outliers, config.maxEjectionPercent, algorithm.enforcementPercentage, nowMs);
  }

  #eject(outliers: readonly Outcomes[], maxPercent: number, enforcement: number, nowMs: number): void {
    for (const { endpoint } of outliers) {
      if ((this.#ejected / this.#endpoints.size) * 100 >= maxPercent) return;
      if (endpoint.ejectedAtMs !== undefined || Math.floor(Math.random() * 100) >= enforcement) continue;
      endpoint.ejectedAtMs = nowMs;
      endpoint.multiplier += 1;
    }
  }
}

/** An endpoint without a call has no rate. */
function withVolume(all: readonly Outcomes[], volume: number): Outcomes[] {
  return all.filter(({ total }) => total > 0 && total >= volume);
}

function ejectionMs({ multiplier }: EndpointOutcomes, config: ResolvedOutlierDetection): number {
  return Math.min(config.baseEjectionMs * multiplier, config.maxEjectionMs);
}
