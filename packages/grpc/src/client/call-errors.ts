/** Errors that a client makes for its own calls. */

import { reasonText } from "@trunkline/base";
import { BrokenStreamError } from "@trunkline/streams";
import { emitWarning } from "#platform";
import type { CallEnd } from "../hooks/interceptor.js";
import { asError, GrpcError } from "../wire/errors.js";
import { Status } from "../wire/status.js";

export function endedWithOk(): BrokenStreamError {
  return new BrokenStreamError("the server has ended the call with OK, so nothing more can be sent", {
    code: "CALL_ENDED",
  });
}

export function cancelled(reason: unknown): GrpcError {
  const message = reason === undefined ? "the call was cancelled" : `the call was cancelled: ${reasonText(reason)}`;
  return new GrpcError(Status.CANCELLED, message, { cause: reason });
}

/** `waitingFor`: what the call had not got yet. */
export function deadlineExceeded(afterMs: number, waitingFor: string | undefined): GrpcError {
  const where = waitingFor === undefined ? "" : `, waiting for ${waitingFor}`;
  return new GrpcError(
    Status.DEADLINE_EXCEEDED,
    `the deadline passed ${Math.round(afterMs)} ms after the call began${where}`,
  );
}

/** How a call ended, for interceptors. */
export function endOf(error: Error | undefined, requestMessages: number, responseMessages: number): CallEnd {
  // Whatever is no status was this side's own doing.
  const failed = error instanceof GrpcError ? error.status : Status.CANCELLED;
  return {
    status: error === undefined ? Status.OK : failed,
    message: error?.message ?? "",
    requestMessages,
    responseMessages,
    error,
  };
}

/** Of an interceptor that failed when its call was over: nobody else is left to be told. */
export function warn(thrown: unknown): void {
  emitWarning(asError(thrown));
}
