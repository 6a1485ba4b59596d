/** Errors that a client makes for its own calls. */
import { reasonText } from "@trunkline/base";
import { BrokenStreamError } from "@trunkline/streams";
import { emitWarning } from "#platform";
import { keepStack } from "../call/caller-stack.js";
import type { CallEnd } from "../hooks/interceptor.js";
import { asError, GrpcError } from "../wire/errors.js";
import { Status } from "../wire/status.js";

/** Returns the error of a send after the server has ended the call with OK. */
export function endedWithOk(): BrokenStreamError {
  return new BrokenStreamError("the server has ended the call with OK, so nothing more can be sent", {
    code: "CALL_ENDED",
  });
}

/** Returns the error of a call whose deadline has passed; `waitingFor` names what the call still waited for. */
export function deadlineExceeded(afterMs: number, waitingFor: string | undefined): GrpcError {
  const where = waitingFor === undefined ? "" : `, waiting for ${waitingFor}`;
  return new GrpcError(
    Status.DEADLINE_EXCEEDED,
    `the deadline passed ${Math.round(afterMs)} ms after the call began${where}`,
  );
}

/** Returns the error of a call one of whose interceptors has thrown. */
export function interceptorError(thrown: unknown): GrpcError {
  if (thrown instanceof GrpcError) return keepStack(thrown);
  return new GrpcError(Status.INTERNAL, `an interceptor failed: ${reasonText(thrown)}`, { cause: thrown });
}

/** Returns the end of a call as interceptors are told of it. */
export function endOf(error: Error | undefined, requestMessages: number, responseMessages: number): CallEnd {
  // An error without a status was made on this side.
  const failed = error instanceof GrpcError ? error.status : Status.CANCELLED;
  return {
    status: error === undefined ? Status.OK : failed,
    message: error?.message ?? "",
    requestMessages,
    responseMessages,
    error,
  };
}

/** Warns of an interceptor that failed when its call was over: no step of the call is left that could report it. */
export function warn(thrown: unknown): void {
  emitWarning(asError(thrown));
}
