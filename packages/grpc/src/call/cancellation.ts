/** The ends of a call from outside: its own signal, and the call that it belongs to. */
import { type AbortSignalLike, onAbort, reasonText } from "@trunkline/base";
import type { ParentCall } from "../contract/call.js";
import { asDeadline, Deadline } from "../contract/deadline.js";
import { GrpcError } from "../wire/errors.js";
import { Status } from "../wire/status.js";

/** Returns the error of a call that its caller has cancelled. */
export function cancelled(reason: unknown): GrpcError {
  const message = reason === undefined ? "the call was cancelled" : `the call was cancelled: ${reasonText(reason)}`;
  return new GrpcError(Status.CANCELLED, message, { cause: reason });
}

/** Returns the shorter of a call's own deadline and its parent's. */
export function inheritedDeadline(own: Deadline | undefined, parent: ParentCall | undefined): Deadline | undefined {
  return parent?.deadline === undefined ? own : Deadline.earliest(own, asDeadline(parent.deadline));
}

/**
 * Returns the error of a call whose signal, or whose parent's signal, is aborted already; undefined where neither is.
 */
export function abortedBy(signal: AbortSignalLike | undefined, parent: ParentCall | undefined): GrpcError | undefined {
  if (signal?.aborted === true) return cancelled(signal.reason);
  return parent?.signal?.aborted === true ? parentOver(parent.signal.reason) : undefined;
}

/**
 * Calls `cancel` once, when the signal aborts or the parent is over, at once if that has happened. @returns a function
 * that stops the watch
 */
export function watchSignals(
  signal: AbortSignalLike | undefined,
  parent: ParentCall | undefined,
  cancel: (error: GrpcError) => void,
): () => void {
  const parentSignal = parent?.signal;
  const already = abortedBy(signal, parent);
  if (already !== undefined) {
    cancel(already);
    return nothing;
  }
  const unwatchSignal = signal === undefined ? nothing : onAbort(signal, () => cancel(cancelled(signal.reason)));
  if (parentSignal === undefined) return unwatchSignal;
  const unwatchParent = onAbort(parentSignal, () => cancel(parentOver(parentSignal.reason)));
  return () => {
    unwatchSignal();
    unwatchParent();
  };
}

function parentOver(reason: unknown): GrpcError {
  if (!(reason instanceof GrpcError) || reason.status !== Status.DEADLINE_EXCEEDED) return cancelled(reason);
  return new GrpcError(Status.DEADLINE_EXCEEDED, "the deadline of the call that this one belongs to passed", {
    cause: reason,
  });
}

function nothing(): void {}
