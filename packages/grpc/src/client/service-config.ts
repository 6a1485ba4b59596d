/**
 * The service config of a channel, in gRPC's own form: times, waiting, retries and hedging by method, and the load
 * balancing policy.
 * @see https://github.com/grpc/grpc/blob/master/doc/service_config.md and gRFC A6
 */
import { checkOptionNames, optionNames } from "@trunkline/base";
import { isStatus, Status, type StatusName } from "../wire/status.js";
import { type FieldCheck, ignoreUnknown } from "./config-object.js";
import { parseDuration } from "./duration.js";
import type { LoadBalancingPolicies } from "./load-balancing.js";
import { type ChosenPolicy, chosenPolicy, type LoadBalancingConfig } from "./load-balancing-config.js";

/** The methods that a `MethodConfig` is for. Without `method` all of a service, without `service` all there are. */
export interface MethodName {
  /** The full name of the service: `"acme.v1.Greeter"`. */
  readonly service?: string | undefined;
  readonly method?: string | undefined;
}

/** The retries of calls that have failed before any answer of the server's handler. */
export interface RetryPolicy {
  /** The number of attempts in all, from 2; more than 5 are 5. */
  readonly maxAttempts: number;
  /** The longest wait before the first retry, as text: `"0.1s"`. Each wait is random, from 0 to its longest. */
  readonly initialBackoff: string;
  /** The bound of all waits: `"1s"`. */
  readonly maxBackoff: string;
  /** The factor by which the longest wait grows. */
  readonly backoffMultiplier: number;
  /** The statuses after which a call is tried again, by name or number. */
  readonly retryableStatusCodes: readonly (StatusName | Status)[];
}

/** Sends a call several times without waiting for failures; the first good answer counts. */
export interface HedgingPolicy {
  /** The number of attempts in all, from 2; more than 5 are 5. */
  readonly maxAttempts: number;
  /** The time from one attempt to the next, as text: `"0.1s"`. Default `"0s"`: all begin at once. */
  readonly hedgingDelay?: string | undefined;
  /**
   * The statuses with which an attempt may fail while others go on; the next one then begins at once. Any other status
   * ends the call. Default: none.
   */
  readonly nonFatalStatusCodes?: readonly (StatusName | Status)[] | undefined;
}

/** The config of some methods. Of several, that which names a method most exactly counts. */
export interface MethodConfig {
  readonly name: readonly MethodName[];
  /** The time for a call, as text: `"1.5s"`. A shorter one of the call's own counts. */
  readonly timeout?: string | undefined;
  /** `waitForReady` of calls that do not say. */
  readonly waitForReady?: boolean | undefined;
  readonly retryPolicy?: RetryPolicy | undefined;
  /** The hedging of methods that may run several times at once. It cannot stand beside `retryPolicy`. */
  readonly hedgingPolicy?: HedgingPolicy | undefined;
}

/**
 * Stops retries while most calls fail. Each failure with a retryable status takes a token, each success gives
 * `tokenRatio` of one; with half of `maxTokens` or less, no call is tried again.
 */
export interface RetryThrottling {
  /** The number of tokens at first, and the most there are: above 0, at most 1,000. */
  readonly maxTokens: number;
  /** The part of a token that a success gives back: above 0. */
  readonly tokenRatio: number;
}

/** Health checks by the channel: each server is asked whether it can take calls, and gets none while it says no. */
export interface HealthCheckConfig {
  /** The service whose health is asked for; `""` is the server as a whole. Without a name nothing is checked. */
  readonly serviceName?: string | undefined;
}

/** A service config. */
export interface ServiceConfig {
  /**
   * The load balancing policy, as a list from which the first policy counts that is known here: `"pick_first"`,
   * `"round_robin"` and those in `loadBalancingPolicies` of the channel. An entry is an object with the name of one
   * policy, and its config. Without an entry, `loadBalancing` of the channel counts.
   */
  readonly loadBalancingConfig?: readonly LoadBalancingConfig[] | undefined;
  /** The older form of it: the name of a policy. It counts where `loadBalancingConfig` is empty. */
  readonly loadBalancingPolicy?: string | undefined;
  /** The health checks of servers, for policies that connect to all endpoints. */
  readonly healthCheckConfig?: HealthCheckConfig | undefined;
  readonly methodConfig?: readonly MethodConfig[] | undefined;
  readonly retryThrottling?: RetryThrottling | undefined;
}

/** The origin of a config, by which it is read. */
export interface ConfigOrigin {
  /** Policies that a config may name, beside those that every channel knows. */
  readonly policies: LoadBalancingPolicies;
  /**
   * False where fields that are not known are passed over, as protobuf does: the config of a resolver may be for newer
   * clients. Those in options are misspelt.
   */
  readonly refusesUnknown: boolean;
}

const serviceConfigNames = optionNames<ServiceConfig>({
  methodConfig: true,
  retryThrottling: true,
  loadBalancingConfig: true,
  loadBalancingPolicy: true,
  healthCheckConfig: true,
});
const methodConfigNames = optionNames<MethodConfig>({
  name: true,
  timeout: true,
  waitForReady: true,
  retryPolicy: true,
  hedgingPolicy: true,
});
const healthNames = optionNames<HealthCheckConfig>({ serviceName: true });
/** The longest name of a service whose health is asked for: more than any has. */
const maxServiceName = 1_000;
const methodNameNames = optionNames<MethodName>({ service: true, method: true });
const throttlingNames = optionNames<RetryThrottling>({ maxTokens: true, tokenRatio: true });
const retryPolicyNames = optionNames<RetryPolicy>({
  maxAttempts: true,
  initialBackoff: true,
  maxBackoff: true,
  backoffMultiplier: true,
  retryableStatusCodes: true,
});

const hedgingPolicyNames = optionNames<HedgingPolicy>({
  maxAttempts: true,
  hedgingDelay: true,
  nonFatalStatusCodes: true,
});

/** The most attempts of a call, by gRFC A6. */
const mostAttempts = 5;

/** The longest waits before retries. */
export interface RetryBackoff {
  readonly initialMs: number;
  readonly maxMs: number;
  readonly multiplier: number;
}

/** A policy for retries or for hedging, checked. */
export interface AttemptPolicy {
  readonly maxAttempts: number;
  /** The statuses after which there may be another attempt. */
  readonly statuses: ReadonlySet<Status>;
  /** The waits after failures; undefined where the next attempt begins at once. */
  readonly backoff: RetryBackoff | undefined;
  /** The time from an attempt to one beside it; undefined where attempts follow each other. */
  readonly hedgingDelayMs: number | undefined;
}

/** The part of a service config that is for one method. */
export interface MethodPolicy {
  readonly timeoutMs: number | undefined;
  readonly waitForReady: boolean | undefined;
  readonly attempts: AttemptPolicy | undefined;
}

/** The tokens of a channel's retries. */
export class RetryThrottle {
  readonly #maxTokens: number;
  readonly #tokenRatio: number;
  #tokens: number;

  constructor({ maxTokens, tokenRatio }: RetryThrottling) {
    this.#maxTokens = maxTokens;
    this.#tokenRatio = tokenRatio;
    this.#tokens = maxTokens;
  }

  /** Counts a failure. Returns whether a call may be tried again. */
  failed(): boolean {
    this.#tokens = Math.max(0, this.#tokens - 1);
    return this.allows;
  }

  /** True while calls may have further attempts. */
  get allows(): boolean {
    return this.#tokens > this.#maxTokens / 2;
  }

  succeeded(): void {
    this.#tokens = Math.min(this.#maxTokens, this.#tokens + this.#tokenRatio);
  }
}

/** A service config, checked. */
export class ResolvedServiceConfig {
  readonly #checkFields: FieldCheck;
  /** The load balancing policy; undefined where the config says nothing of it. */
  readonly loadBalancing: ChosenPolicy | undefined;
  /** The service whose health is asked for; undefined for no health checks. */
  readonly healthService: string | undefined;
  readonly throttle: RetryThrottle | undefined;
  /** The policies by path; `"/service/"` is for all methods of a service, `""` for all methods. */
  readonly #policies: Map<string, MethodPolicy> = new Map();

  /** @throws TypeError or RangeError that names the field, the value and what it may be */
  constructor(config: ServiceConfig, { policies, refusesUnknown }: ConfigOrigin) {
    const checkFields = refusesUnknown ? checkOptionNames : ignoreUnknown;
    this.#checkFields = checkFields;
    checkFields("serviceConfig", config, serviceConfigNames);
    this.loadBalancing = chosenPolicy(config, policies, checkFields);
    this.healthService = healthServiceOf(config, checkFields);
    const { methodConfig = [], retryThrottling } = config;
    if (!Array.isArray(methodConfig)) throw new TypeError("serviceConfig.methodConfig must be an array");
    for (const [index, each] of methodConfig.entries()) this.#add(each, `methodConfig[${index}]`);
    this.throttle =
      retryThrottling === undefined ? undefined : new RetryThrottle(checkedThrottling(retryThrottling, checkFields));
  }

  /** Returns what holds for the method with this path: `"/service/method"`. */
  policyOf(path: string): MethodPolicy | undefined {
    const service = path.slice(0, path.indexOf("/", 1) + 1);
    return this.#policies.get(path) ?? this.#policies.get(service) ?? this.#policies.get("");
  }

  #add(config: MethodConfig, where: string): void {
    this.#checkFields(where, config, methodConfigNames);
    const { name, timeout, waitForReady } = config;
    if (!Array.isArray(name) || name.length === 0)
      throw new TypeError(`${where}.name must be an array of the methods that it is for`);
    if (waitForReady !== undefined && typeof waitForReady !== "boolean")
      throw new TypeError(`${where}.waitForReady must be true or false, not ${String(waitForReady)}`);
    const policy: MethodPolicy = {
      timeoutMs: timeout === undefined ? undefined : parseDuration(timeout, `${where}.timeout`),
      waitForReady,
      attempts: resolveAttempts(config, where, this.#checkFields),
    };
    for (const each of name as readonly MethodName[]) {
      const key = keyOf(each, `${where}.name`, this.#checkFields);
      if (this.#policies.has(key)) throw new TypeError(`${where}.name: ${JSON.stringify(each)} is named twice`);
      this.#policies.set(key, policy);
    }
  }
}

function keyOf(name: MethodName, where: string, checkFields: FieldCheck): string {
  checkFields(where, name, methodNameNames);
  const { service = "", method = "" } = name;
  if (typeof service !== "string" || typeof method !== "string") throw new TypeError(`${where}: names must be text`);
  if (service === "" && method !== "")
    throw new TypeError(`${where}: the method ${method} is named without its service`);
  return service === "" ? "" : `/${service}/${method}`;
}

function healthServiceOf({ healthCheckConfig }: ServiceConfig, checkFields: FieldCheck): string | undefined {
  if (healthCheckConfig === undefined) return undefined;
  checkFields("serviceConfig.healthCheckConfig", healthCheckConfig, healthNames);
  const { serviceName } = healthCheckConfig;
  if (serviceName === undefined || (typeof serviceName === "string" && serviceName.length <= maxServiceName))
    return serviceName;
  const given = typeof serviceName === "string" ? `one of ${serviceName.length} characters` : String(serviceName);
  throw new TypeError(
    `serviceConfig.healthCheckConfig.serviceName must be text of at most ${maxServiceName} characters, not ${given}`,
  );
}

function resolveAttempts(
  { retryPolicy, hedgingPolicy }: MethodConfig,
  where: string,
  checkFields: FieldCheck,
): AttemptPolicy | undefined {
  if (retryPolicy !== undefined && hedgingPolicy !== undefined)
    throw new TypeError(`${where} has retryPolicy and hedgingPolicy: a method has one of them, not both`);
  if (hedgingPolicy !== undefined) return resolveHedgingPolicy(hedgingPolicy, `${where}.hedgingPolicy`, checkFields);
  return retryPolicy === undefined ? undefined : resolveRetryPolicy(retryPolicy, `${where}.retryPolicy`, checkFields);
}

function resolveHedgingPolicy(policy: HedgingPolicy, where: string, checkFields: FieldCheck): AttemptPolicy {
  checkFields(where, policy, hedgingPolicyNames);
  const { maxAttempts, hedgingDelay = "0s", nonFatalStatusCodes = [] } = policy;
  return {
    maxAttempts: checkedAttempts(maxAttempts, where),
    statuses: statusesOf(nonFatalStatusCodes, `${where}.nonFatalStatusCodes`),
    backoff: undefined,
    hedgingDelayMs: parseDuration(hedgingDelay, `${where}.hedgingDelay`),
  };
}

function resolveRetryPolicy(policy: RetryPolicy, where: string, checkFields: FieldCheck): AttemptPolicy {
  checkFields(where, policy, retryPolicyNames);
  const { maxAttempts, initialBackoff, maxBackoff, backoffMultiplier, retryableStatusCodes } = policy;
  if (!(backoffMultiplier > 0 && Number.isFinite(backoffMultiplier)))
    throw new RangeError(`${where}.backoffMultiplier must be a number above 0, not ${String(backoffMultiplier)}`);
  if (!Array.isArray(retryableStatusCodes) || retryableStatusCodes.length === 0)
    throw new TypeError(`${where}.retryableStatusCodes must be an array of statuses, and not empty`);
  return {
    maxAttempts: checkedAttempts(maxAttempts, where),
    statuses: statusesOf(retryableStatusCodes, `${where}.retryableStatusCodes`),
    backoff: {
      initialMs: aboveZeroMs(initialBackoff, `${where}.initialBackoff`),
      maxMs: aboveZeroMs(maxBackoff, `${where}.maxBackoff`),
      multiplier: backoffMultiplier,
    },
    hedgingDelayMs: undefined,
  };
}

function checkedAttempts(count: number, where: string): number {
  if (Number.isInteger(count) && count >= 2) return Math.min(count, mostAttempts);
  throw new RangeError(`${where}.maxAttempts must be a whole number from 2, not ${String(count)}`);
}

function statusesOf(codes: readonly (StatusName | Status)[], where: string): ReadonlySet<Status> {
  if (!Array.isArray(codes)) throw new TypeError(`${where} must be an array of statuses`);
  return new Set(codes.map((code: StatusName | Status) => statusOf(code, where)));
}

function statusOf(code: StatusName | Status, where: string): Status {
  const status = typeof code === "number" ? code : Object.hasOwn(Status, code) ? Status[code] : undefined;
  if (status !== undefined && isStatus(status) && status !== Status.OK) return status;
  throw new TypeError(`${where} has ${JSON.stringify(code)}, which is no status of an error`);
}

function checkedThrottling(throttling: RetryThrottling, checkFields: FieldCheck): RetryThrottling {
  checkFields("retryThrottling", throttling, throttlingNames);
  const { maxTokens, tokenRatio } = throttling;
  if (!(maxTokens > 0 && maxTokens <= 1_000))
    throw new RangeError(`retryThrottling.maxTokens must be above 0 and at most 1000, not ${String(maxTokens)}`);
  if (!(tokenRatio > 0 && Number.isFinite(tokenRatio)))
    throw new RangeError(`retryThrottling.tokenRatio must be a number above 0, not ${String(tokenRatio)}`);
  return throttling;
}

function aboveZeroMs(text: string, where: string): number {
  const ms = parseDuration(text, where);
  if (ms > 0) return ms;
  throw new RangeError(`${where} must be longer than 0, not ${JSON.stringify(text)}`);
}
