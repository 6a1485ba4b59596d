/** The callers of the exchange and of the admin service, who are known by the headers of their calls alone. */
import { GrpcError, type ServerCall, Status } from "@trunkline/grpc";
import type { Access, Caller } from "../policy/access.js";
import { authenticate, authorizationKey } from "../token/bearer.js";
import type { CertificateCallers } from "../token/client-certificate.js";
import type { TokenVerifier, VerifiedToken } from "../token/verifier.js";
import type { Reporter } from "./reporter.js";

export interface CallersOptions {
  readonly verifier: Pick<TokenVerifier, "verify">;
  /** The callers who show a certificate and no token; undefined where certificates name nobody. */
  readonly certificates: CertificateCallers | undefined;
  readonly access: Access;
  readonly reporter: Reporter;
}

export class Callers {
  readonly #options: CallersOptions;

  constructor(options: CallersOptions) {
    this.#options = options;
  }

  /** Returns the caller, which may have no rights. @throws GrpcError UNAUTHENTICATED, PERMISSION_DENIED if denied */
  async callerOf(call: ServerCall<{}, {}>): Promise<Caller> {
    const { verifier, certificates, access } = this.#options;
    const { metadata } = call;
    const shown = metadata.has(authorizationKey) ? undefined : certificates?.callerOf(call);
    const caller = shown ?? callerOfToken(await authenticate(metadata, verifier));
    refuseIf(access.denial(caller));
    return caller;
  }

  /** Runs one call up to its answer, and reports the `GrpcError` that refuses it. */
  async reporting<T>(call: ServerCall<{}, {}>, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof GrpcError && !call.signal.aborted) this.#options.reporter.refused(call, error);
      throw error;
    }
  }

  /**
   * Authenticates the caller, takes its one message, and sends the answer of `work`.
   * @param check refuses the caller before the message is taken
   */
  async answer<Request extends {}, Answer extends {}>(
    call: ServerCall<Request, Answer>,
    work: (caller: Caller, request: Request) => Promise<Answer>,
    check: (caller: Caller) => void = () => {},
  ): Promise<void> {
    const answer = await this.reporting(call, async () => {
      const caller = await this.callerOf(call);
      check(caller);
      return work(caller, await onlyMessage(call));
    });
    await call.send(answer);
  }
}

function callerOfToken({ subject: identity, tokenId, admin }: VerifiedToken): Caller {
  return { identity, tokenId, admin };
}

/** @throws GrpcError PERMISSION_DENIED where there is a reason to refuse */
export function refuseIf(reason: string | undefined): void {
  if (reason !== undefined) throw new GrpcError(Status.PERMISSION_DENIED, reason);
}

/** Returns the one message of a call. @throws GrpcError INVALID_ARGUMENT where there is none */
export async function onlyMessage<Request extends {}>(call: ServerCall<Request, never>): Promise<Request> {
  const request = await call.receive();
  if (request === undefined) throw new GrpcError(Status.INVALID_ARGUMENT, "the request ended without its message");
  return request;
}
