/** How a client's call goes through its hooks: each function gives the error that the call must end with, where a hook has thrown one. */

import { reasonText } from "@trunkline/base";
import { Metadata } from "@trunkline/metadata";
import { keepStack } from "../call/caller-stack.js";
import type { Peer } from "../connection/peer.js";
import type { HookChain } from "../hooks/chain.js";
import { MetadataEvent, StatusEvent } from "../hooks/events.js";
import { GrpcError } from "../wire/errors.js";
import { Status } from "../wire/status.js";
import type { Answer } from "./answer.js";

/** What a client's call ends with when an interceptor throws. */
export function interceptorError(thrown: unknown): GrpcError {
  if (thrown instanceof GrpcError) return keepStack(thrown);
  return new GrpcError(Status.INTERNAL, `an interceptor failed: ${reasonText(thrown)}`, { cause: thrown });
}

export function throughConnection(hooks: HookChain | undefined, peer: Peer): GrpcError | undefined {
  try {
    hooks?.connection(peer);
  } catch (error) {
    return interceptorError(error);
  }
  return undefined;
}

/** Leaves the metadata in `answer` as the hooks want it. */
export function throughInitialMetadata(hooks: HookChain | undefined, answer: Answer): GrpcError | undefined {
  if (!hooks?.has("onInitialMetadata")) return undefined;
  const initial = new MetadataEvent(() => answer.initialMetadata ?? Metadata.empty);
  try {
    hooks.initialMetadata(initial);
  } catch (error) {
    return interceptorError(error);
  }
  if (initial.changed !== undefined) answer.initialMetadata = initial.changed.freeze();
  return undefined;
}

/** What the server has told, as the hooks want it told; the metadata likewise in `answer`. */
export function throughStatus(
  hooks: HookChain | undefined,
  answer: Answer,
  told: GrpcError | undefined,
): GrpcError | undefined {
  if (!hooks?.has("onStatus")) return told;
  const status = new StatusEvent(() => answer.trailingMetadata ?? Metadata.empty, told);
  try {
    hooks.status(status);
    if (status.changed !== undefined) answer.trailingMetadata = status.changed.freeze();
    if (status.untouched) return told;
    if (status.status === Status.OK) return undefined;
    return new GrpcError(status.status, status.message, {
      metadata: answer.trailingMetadata,
      details: status.details,
      cause: told,
    });
  } catch (error) {
    return interceptorError(error);
  }
}
