/**
 * Stack traces that show where a call was made. Its failure is found out in some callback of a socket, whose stack says nothing; who waits for the call is
 * known to the engine only while that waiter's own continuation is about to run. So the error is traced again there. Costs failed calls only.
 */
import { GrpcError } from "../wire/errors.js";

/** Those that somebody else has thrown, and those that were traced already. */
const traced: WeakSet<Error> = new WeakSet();

const nothing = (): void => {};

/** The error was thrown by the user's own code: its stack is right as it is. */
export function keepStack<Thrown>(thrown: Thrown): Thrown {
  if (thrown instanceof Error) traced.add(thrown);
  return thrown;
}

/** To be called in a step of the caller's: a `GrpcError` of ours is given its stack. */
export function traceHere(error: Error): Error {
  if (error instanceof GrpcError && !traced.has(error)) {
    traced.add(error);
    Error.captureStackTrace(error, traceHere);
  }
  return error;
}

/** As a handler of rejections, the last one before the caller. */
export function throwTraced(thrown: unknown): never {
  throw thrown instanceof Error ? traceHere(thrown) : thrown;
}

/** What to resolve a promise with that somebody else waits for, so that it rejects with the error, traced to them. */
export function rejectionAtCaller(error: Error): Promise<never> {
  // The first turn makes the engine see who waits; it follows promises from the one whose continuation is running.
  return Promise.resolve()
    .then(nothing)
    .then(() => {
      throw traceHere(error);
    });
}
