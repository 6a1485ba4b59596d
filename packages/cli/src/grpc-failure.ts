/** The one place that turns what a router answers into a line and an exit code. */
import { GrpcError, Status } from "@trunkline/grpc";
import { CommandError, reasonOf, systemCode } from "./command-error.js";
import { ExitCode } from "./exit-codes.js";

export interface Attempt {
  readonly endpoint: string;
  /** The name that was asked for, where one was. */
  readonly name?: string;
}

/** What to tell the user who asked the router at `endpoint` for something and got `error`. */
export function routerFailure(error: unknown, { endpoint, name }: Attempt): CommandError {
  if (error instanceof CommandError) return error;
  if (!(error instanceof GrpcError)) return new CommandError(reasonOf(error), ExitCode.internal, { cause: error });
  const fail = (message: string, exitCode: ExitCode): CommandError =>
    new CommandError(message, exitCode, { cause: error });
  const quoted = name === undefined ? "that name" : JSON.stringify(name);
  switch (error.status) {
    case Status.NOT_FOUND:
      return unknownName(name ?? "NAME", endpoint, error);
    case Status.UNAUTHENTICATED:
      return fail(
        `the router at ${endpoint} does not accept the token: ${reasonOf(error).replace(/^invalid jwt token: /, "")}`,
        ExitCode.denied,
      );
    case Status.PERMISSION_DENIED:
      return fail(`the router at ${endpoint} does not allow this: ${reasonOf(error)}`, ExitCode.denied);
    case Status.INVALID_ARGUMENT:
      return fail(reasonOf(error), ExitCode.usage);
    case Status.ABORTED:
    case Status.ALREADY_EXISTS:
      return fail(`the router at ${endpoint} has taken ${quoted} back: ${reasonOf(error)}`, ExitCode.cannotCreate);
    case Status.UNIMPLEMENTED:
      return fail(`there is no trunkline router at ${endpoint}: ${reasonOf(error)}`, ExitCode.routerUnavailable);
    default:
      return fail(`cannot reach the router at ${endpoint}: ${unavailable(error)}`, ExitCode.routerUnavailable);
  }
}

export function unknownName(name: string, endpoint: string, cause?: unknown): CommandError {
  const message = `nobody exposes ${JSON.stringify(name)} at ${endpoint}; begin with: trunkline expose ${name} TARGET`;
  return new CommandError(message, ExitCode.unknownName, { cause });
}

/** A connection that failed has the system's word for it somewhere below. */
function unavailable(error: GrpcError): string {
  return systemCode(error) === undefined
    ? reasonOf(error.message === "" ? error.code : error.message)
    : reasonOf(error);
}
