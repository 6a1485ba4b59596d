/** Policies that choose among the connections of a channel. This file must not know how connections are made. */
import type { Metadata } from "@trunkline/metadata";

/** A server that a channel is connected to. */
export interface ReadyEndpoint {
  /** The addresses of the server: `"10.0.0.1:50051"`. */
  readonly addresses: readonly string[];
  /** The number of calls of this channel that are open at it. */
  readonly activeCalls: number;
}

/** A call for which an endpoint is chosen. */
export interface PickedCall {
  /** The path of the method: `"/package.Service/Method"`. */
  readonly path: string;
  /** The metadata of the request, as interceptors have left it. */
  readonly requestMetadata: Metadata;
}

/** Chooses one of the ready endpoints for a call. An error that it throws fails the call with UNAVAILABLE. */
export type EndpointPicker = (call: PickedCall) => ReadyEndpoint;

/**
 * A policy of the caller's own. The channel connects to each endpoint, and again after each loss. Where the server that
 * was chosen allows no more streams now, the call goes to another one.
 */
export interface LoadBalancingPolicy {
  /** Returns the function that chooses, among at least two endpoints. Called when the ready endpoints have changed. */
  pickerFor(ready: readonly ReadyEndpoint[]): EndpointPicker;
}

/**
 * `"pick_first"`: one connection, to the first address that answers. `"round_robin"`: a connection to each endpoint,
 * which take turns. Or a policy of the caller's own.
 */
export type LoadBalancing = "pick_first" | "round_robin" | LoadBalancingPolicy;

/**
 * Makes a policy that a service config names, from the config that stands there: an object in the form of JSON. What it
 * throws says that the config cannot be.
 */
export type LoadBalancingPolicyFactory = (config: Readonly<Record<string, unknown>>) => LoadBalancingPolicy;

/** Policies by the names that service configs have for them. */
export type LoadBalancingPolicies = Readonly<Record<string, LoadBalancingPolicyFactory>>;

/** Takes turns, beginning with any, so that many clients do not all begin with the same one. */
export const roundRobin: LoadBalancingPolicy = {
  pickerFor(ready) {
    let next = Math.floor(Math.random() * ready.length);
    return () => ready[next++ % ready.length] as ReadyEndpoint;
  },
};

/** Returns the policy; undefined for `"pick_first"`. @throws TypeError for what is none */
export function resolvePolicy(given: LoadBalancing = "pick_first"): LoadBalancingPolicy | undefined {
  if (given === "pick_first") return undefined;
  if (given === "round_robin") return roundRobin;
  if (typeof given === "object" && given !== null && typeof given.pickerFor === "function") return given;
  throw new TypeError(
    `loadBalancing must be "pick_first", "round_robin" or an object with pickerFor(), not ${JSON.stringify(given)}`,
  );
}
