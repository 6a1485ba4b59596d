/**
 * Stack traces that show where a call was made. Its failure is found out in some callback of a socket, whose stack says
 * nothing; who waits for the call is known to the engine only while that waiter's own continuation is about to run. So
 * the error is traced again there. Costs failed calls only.
 */
import { isError } from "@trunkline/base";
import { GrpcError } from "../wire/errors.js";

/** The errors that the user's own code has thrown, and those that were traced already. */
const traced: WeakSet<Error> = new WeakSet();

const nothing = (): void => {};

/** Keeps the stack of an error that the user's own code has thrown. */
export function keepStack<Thrown>(thrown: Thrown): Thrown {
  if (isError(thrown)) traced.add(thrown);
  return thrown;
}

/** Gives a `GrpcError` of ours the stack of the caller's step in which this is called. */
export function traceHere(error: Error): Error {
  if (error instanceof GrpcError && !traced.has(error)) {
    traced.add(error);
    Error.captureStackTrace(error, traceHere);
  }
  return error;
}

/** Throws a rejection again with the caller's stack. It is the last handler before the caller. */
export function throwTraced(thrown: unknown): never {
  throw isError(thrown) ? traceHere(thrown) : thrown;
}

/**
 * Returns the rejection to resolve a promise with that the caller waits for: it rejects with the error, traced to the
 * caller.
 */
export function rejectionAtCaller(error: Error): Promise<never> {
  // The first turn makes the engine see who waits; it follows promises from the one whose continuation is running.
  return Promise.resolve()
    .then(nothing)
    .then(() => {
      throw traceHere(error);
    });
}
