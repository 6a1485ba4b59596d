/**
 * The config of outlier detection, checked, with gRPC's defaults.
 * @see gRFC A50
 */
import { shortened } from "@trunkline/base";
import { type FieldCheck, isConfigObject } from "./config-object.js";
import { parseDuration } from "./duration.js";

/** Ejects endpoints whose calls succeed much more rarely than those of the others. */
export interface SuccessRateEjection {
  /**
   * The number of standard deviations below the mean, in thousandths, under which a success rate is an outlier. Default
   * 1,900.
   */
  readonly stdevFactor?: number | undefined;
  /** The chance in percent that an outlier is ejected. Default 100. */
  readonly enforcementPercentage?: number | undefined;
  /** The number of endpoints with enough calls below which none is ejected. Default 5. */
  readonly minimumHosts?: number | undefined;
  /** The number of calls in one interval from which an endpoint is looked at. Default 100. */
  readonly requestVolume?: number | undefined;
}

/** Ejects endpoints of whose calls a large part fails, whatever the others do. */
export interface FailurePercentageEjection {
  /** The percentage of failures above which an endpoint is ejected. Default 85. */
  readonly threshold?: number | undefined;
  /** The chance in percent that such an endpoint is ejected. Default 100. */
  readonly enforcementPercentage?: number | undefined;
  /** The number of endpoints with enough calls below which none is ejected. Default 5. */
  readonly minimumHosts?: number | undefined;
  /** The number of calls in one interval from which an endpoint is looked at. Default 50. */
  readonly requestVolume?: number | undefined;
}

/**
 * Outlier detection in gRPC's own form: endpoints whose calls fail get no calls for a while. Without one of the two
 * algorithms it does nothing.
 */
export interface OutlierDetection {
  /** The time from one look at the outcomes to the next, as text. Default `"10s"`. */
  readonly interval?: string | undefined;
  /** The time of the first ejection; each further one in a row is as much longer. Default `"30s"`. */
  readonly baseEjectionTime?: string | undefined;
  /** The longest time of an ejection, at least `baseEjectionTime`. Default `"300s"`. */
  readonly maxEjectionTime?: string | undefined;
  /** The percentage of endpoints from which none is ejected any more; above 0, one may be in any case. Default 10. */
  readonly maxEjectionPercent?: number | undefined;
  readonly successRateEjection?: SuccessRateEjection | undefined;
  readonly failurePercentageEjection?: FailurePercentageEjection | undefined;
}

/** Numbers that both algorithms have. */
interface ResolvedAlgorithm {
  readonly enforcementPercentage: number;
  readonly minimumHosts: number;
  readonly requestVolume: number;
}

/** Outlier detection, checked and complete. */
export interface ResolvedOutlierDetection {
  readonly intervalMs: number;
  readonly baseEjectionMs: number;
  readonly maxEjectionMs: number;
  readonly maxEjectionPercent: number;
  readonly successRate: (ResolvedAlgorithm & { readonly stdevFactor: number }) | undefined;
  readonly failurePercentage: (ResolvedAlgorithm & { readonly threshold: number }) | undefined;
}

const detectionNames = new Set([
  "interval",
  "baseEjectionTime",
  "maxEjectionTime",
  "maxEjectionPercent",
  "successRateEjection",
  "failurePercentageEjection",
]);
const commonNames = ["enforcementPercentage", "minimumHosts", "requestVolume"];
const successNames: ReadonlySet<string> = new Set(["stdevFactor", ...commonNames]);
const failureNames: ReadonlySet<string> = new Set(["threshold", ...commonNames]);

/** The shortest interval: a config from elsewhere must not keep the processor busy. */
const minIntervalMs = 1;

/** @throws TypeError or RangeError that names the field, the value and what it may be */
export function resolveOutlierDetection(
  given: OutlierDetection,
  where: string,
  checkFields: FieldCheck,
): ResolvedOutlierDetection {
  checkFields(where, given, detectionNames);
  const { interval = "10s", baseEjectionTime = "30s", maxEjectionTime = "300s" } = given;
  const { successRateEjection: success, failurePercentageEjection: failure } = given;
  const intervalMs = parseDuration(interval, `${where}.interval`);
  const baseEjectionMs = parseDuration(baseEjectionTime, `${where}.baseEjectionTime`);
  const maxEjectionMs = parseDuration(maxEjectionTime, `${where}.maxEjectionTime`);
  return {
    intervalMs: Math.max(minIntervalMs, intervalMs),
    baseEjectionMs,
    maxEjectionMs: Math.max(baseEjectionMs, maxEjectionMs),
    maxEjectionPercent: percent(given.maxEjectionPercent ?? 10, `${where}.maxEjectionPercent`),
    successRate: success === undefined ? undefined : successRate(success, `${where}.successRateEjection`, checkFields),
    failurePercentage:
      failure === undefined ? undefined : failureRate(failure, `${where}.failurePercentageEjection`, checkFields),
  };
}

function successRate(
  given: SuccessRateEjection,
  where: string,
  checkFields: FieldCheck,
): ResolvedOutlierDetection["successRate"] {
  const common = algorithm(given, where, checkFields, successNames, 100);
  return { ...common, stdevFactor: whole(given.stdevFactor ?? 1_900, `${where}.stdevFactor`) };
}

function failureRate(
  given: FailurePercentageEjection,
  where: string,
  checkFields: FieldCheck,
): ResolvedOutlierDetection["failurePercentage"] {
  const common = algorithm(given, where, checkFields, failureNames, 50);
  return { ...common, threshold: percent(given.threshold ?? 85, `${where}.threshold`) };
}

/** Checks what both algorithms have. @throws TypeError or RangeError */
function algorithm(
  given: SuccessRateEjection | FailurePercentageEjection,
  where: string,
  checkFields: FieldCheck,
  names: ReadonlySet<string>,
  defaultVolume: number,
): { readonly enforcementPercentage: number; readonly minimumHosts: number; readonly requestVolume: number } {
  if (!isConfigObject(given as unknown)) throw new TypeError(`${where} must be an object`);
  checkFields(where, given, names);
  const { enforcementPercentage = 100, minimumHosts = 5, requestVolume = defaultVolume } = given;
  return {
    enforcementPercentage: percent(enforcementPercentage, `${where}.enforcementPercentage`),
    minimumHosts: whole(minimumHosts, `${where}.minimumHosts`),
    requestVolume: whole(requestVolume, `${where}.requestVolume`),
  };
}

function percent(value: number, where: string): number {
  if (Number.isInteger(value) && value >= 0 && value <= 100) return value;
  throw new RangeError(`${where} must be a whole number from 0 to 100, not ${shortened(String(value), 100)}`);
}

function whole(value: number, where: string): number {
  if (Number.isInteger(value) && value >= 0 && value < 2 ** 32) return value;
  throw new RangeError(
    `${where} must be a whole number from 0 to ${2 ** 32 - 1}, not ${shortened(String(value), 100)}`,
  );
}
