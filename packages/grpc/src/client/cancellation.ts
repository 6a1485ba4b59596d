/** What ends a call from outside: its own signal, and the call that it belongs to. */
import type { AbortSignalLike } from "@trunkline/streams";
import type { CallOptions } from "../call/options.js";
import type { ParentCall } from "../contract/call.js";
import { Deadline } from "../contract/deadline.js";
import { GrpcError } from "../wire/errors.js";
import { Status } from "../wire/status.js";
import { cancelled } from "./call-errors.js";

/** The options of a call: who gives the `ServerCall` itself means a call that belongs to it, not one with its metadata. */
export function callOptions(options: CallOptions | ParentCall): CallOptions {
  return "role" in options && options.role === "server" ? { parent: options } : options;
}

/** The shorter of a call's own deadline and its parent's. */
export function inheritedDeadline(own: Deadline | undefined, parent: ParentCall | undefined): Deadline | undefined {
  return parent?.deadline === undefined ? own : Deadline.earliest(own, parent.deadline);
}

/** What a call must end with whose signal, or whose parent's, is aborted already. */
export function abortedBy(signal: AbortSignalLike | undefined, parent: ParentCall | undefined): GrpcError | undefined {
  if (signal?.aborted === true) return cancelled(signal.reason);
  return parent?.signal?.aborted === true ? parentOver(parent.signal.reason) : undefined;
}

/** Calls `cancel` once, when one of the two is over, at once if it is already. @returns what stops it */
export function watchSignals(
  signal: AbortSignalLike | undefined,
  parent: ParentCall | undefined,
  cancel: (error: GrpcError) => void,
): () => void {
  const parentSignal = parent?.signal;
  const onAbort = (): void =>
    cancel(signal?.aborted === true ? cancelled(signal.reason) : parentOver(parentSignal?.reason));
  const unwatch = (): void => {
    signal?.removeEventListener("abort", onAbort);
    parentSignal?.removeEventListener("abort", onAbort);
  };
  if (signal?.aborted === true || parentSignal?.aborted === true) {
    onAbort();
    return unwatch;
  }
  signal?.addEventListener("abort", onAbort);
  parentSignal?.addEventListener("abort", onAbort);
  return unwatch;
}

function parentOver(reason: unknown): GrpcError {
  if (!(reason instanceof GrpcError) || reason.status !== Status.DEADLINE_EXCEEDED) return cancelled(reason);
  return new GrpcError(Status.DEADLINE_EXCEEDED, "the deadline of the call that this one belongs to passed", {
    cause: reason,
  });
}
