/** The one place that turns an answer of a router into a line and an exit code. */
import { GrpcError, Status } from "@trunkline/grpc";
import { EndToEndError, unhealthyKey } from "@trunkline/router";
import { CommandError, reasonOf, systemCode } from "./command-error.js";
import { ExitCode } from "./exit-codes.js";

/** A request to a router. */
export interface Attempt {
  readonly endpoint: string;
  /** The name that was asked for, where one was. */
  readonly name?: string;
}

/** Returns the error for the user whose request to the router at `endpoint` has failed with `error`. */
export function routerFailure(error: unknown, { endpoint, name }: Attempt): CommandError {
  if (error instanceof CommandError) return error;
  if (!(error instanceof GrpcError)) return new CommandError(reasonOf(error), ExitCode.internal, { cause: error });
  const fail = (message: string, exitCode: ExitCode): CommandError =>
    new CommandError(message, exitCode, { cause: error });
  const quoted = name === undefined ? "the name" : JSON.stringify(name);
  const at = `the router at ${endpoint}`;
  if (isUnhealthy(error)) return fail(reasonOf(error), ExitCode.targetUnavailable);
  if (isEndToEndFailure(error)) return fail(endToEndText(error, quoted), ExitCode.denied);
  switch (error.status) {
    case Status.NOT_FOUND:
      return unknownName(name ?? "NAME", endpoint, { cause: error });
    case Status.UNAUTHENTICATED:
      return new CommandError(`${at} ${unaccepted(reasonOf(error))}`, ExitCode.denied, {
        cause: error,
        advice: adviceOnToken(reasonOf(error)),
      });
    case Status.PERMISSION_DENIED:
      return fail(`${at} does not allow this: ${reasonOf(error)}`, ExitCode.denied);
    case Status.INVALID_ARGUMENT:
      return fail(reasonOf(error), ExitCode.usage);
    case Status.ALREADY_EXISTS:
      return fail(`${quoted} is taken at ${at}: ${reasonOf(error)}`, ExitCode.cannotCreate);
    case Status.ABORTED:
      return fail(`${quoted} was taken over at ${at}: ${reasonOf(error)}`, ExitCode.cannotCreate);
    case Status.RESOURCE_EXHAUSTED:
      return fail(`${at} has met a limit: ${reasonOf(error)}`, ExitCode.routerUnavailable);
    case Status.UNIMPLEMENTED:
      return fail(`there is no trunkline router at ${endpoint}: ${reasonOf(error)}`, ExitCode.routerUnavailable);
    default:
      return new CommandError(`cannot reach ${at}: ${unavailable(error)}`, ExitCode.routerUnavailable, {
        cause: error,
        advice:
          systemCode(error) === "ECONNREFUSED" ? "no router listens there; trunkline router begins one" : undefined,
      });
  }
}

/** Returns true for the refusal of a router that knows no exposer of the name whose target is well. */
export function isUnhealthy(error: unknown): boolean {
  return error instanceof GrpcError && error.metadata.get(unhealthyKey) !== undefined;
}

/**
 * Returns true where the two sides of a stream could not agree on TLS through the router, by the word of either one.
 */
export function isEndToEndFailure(error: unknown): boolean {
  return error instanceof EndToEndError || (error instanceof GrpcError && error.message.includes("end to end: "));
}

function endToEndText(error: GrpcError, name: string): string {
  const advice =
    error instanceof EndToEndError ? "" : "; it needs --identity, and --peer-key or --peer-ca, at this side";
  return `${name} cannot be reached: ${reasonOf(error)}${advice}`;
}

/** Returns why a router does not accept a token, or a client certificate. */
function unaccepted(reason: string): string {
  const ofCertificate = /^the client certificate is refused: (.*)$/.exec(reason)?.[1];
  if (ofCertificate !== undefined) return `does not accept the client certificate: ${ofCertificate}`;
  return `does not accept the token: ${reason.replace(/^invalid jwt token: /, "")}`;
}

/** The reasons for which a router refuses a token, and what to do about each. */
const tokenAdvice: readonly (readonly [RegExp, string])[] = [
  [
    /in the future|not valid (?:yet|before)|\(nbf\)/,
    "the clocks of the router and of the machine that made it differ: set them, or use --clock-tolerance of the router",
  ],
  [
    /has expired/,
    "make another one where the router's key is, by trunkline token mint, and look whether the clocks agree",
  ],
  [/fits no key/, "it is for another router, or that has another key by now: make one there, by trunkline token mint"],
];

/** Returns what to do about a token that a router refuses. */
function adviceOnToken(reason: string): string | undefined {
  return tokenAdvice.find(([pattern]) => pattern.test(reason))?.[1];
}

/** Returns the error for a name that is not exposed. `begin` is the command that would expose it. */
export function unknownName(
  name: string,
  endpoint: string,
  { cause, begin = `trunkline expose ${name} TARGET` }: { readonly cause?: unknown; readonly begin?: string } = {},
): CommandError {
  const message = `${JSON.stringify(name)} is not exposed at ${endpoint}; begin with: ${begin}`;
  return new CommandError(message, ExitCode.unknownName, { cause });
}

/** Returns the reason of a connection that failed: the system's where there is one. */
function unavailable(error: GrpcError): string {
  return systemCode(error) === undefined
    ? reasonOf(error.message === "" ? error.code : error.message)
    : reasonOf(error);
}
