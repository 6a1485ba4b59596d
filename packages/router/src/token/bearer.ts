/** The `authorization` of a call. */
import { GrpcError, Status } from "@trunkline/grpc";
import type { Metadata } from "@trunkline/metadata";
import { KeysUnavailableError } from "./remote-keys.js";
import { TokenError, type TokenVerifier, type VerifiedToken } from "./verifier.js";

/** The metadata key of a call's credentials. */
export const authorizationKey = "authorization";

// Made once: the stack of an error takes a sixth of the time for a call without a token, and says nothing here.
const noHeader = missing("Unauthenticated", "missing authorization header");
const severalHeaders = missing("InvalidArgument", "multiple authorization headers");
const malformedHeader = missing("InvalidArgument", "malformed authorization header");

/** Returns the value of `authorization` for a token. */
export function bearer(token: string): string {
  return `Bearer ${token}`;
}

/**
 * Returns the token in a call's metadata; it is empty for `Bearer ` alone, whose space gRPC may strip on the way.
 * @throws GrpcError UNAUTHENTICATED, in the words of Jumpstarter's router
 */
export function bearerToken(metadata: Metadata): string {
  const values = metadata.getAll(authorizationKey);
  const [value] = values;
  if (value === undefined) throw noHeader;
  if (values.length > 1) throw severalHeaders;
  const match = /^bearer(?: +(.*))?$/is.exec(value) ?? undefined;
  if (match === undefined) throw malformedHeader;
  return (match[1] ?? "").trim();
}

function missing(code: string, what: string): GrpcError {
  return new GrpcError(
    Status.UNAUTHENTICATED,
    `missing or invalid authorization: rpc error: code = ${code} desc = ${what}`,
  );
}

/**
 * Verifies the token of a call from its metadata alone. @throws GrpcError UNAUTHENTICATED; UNAVAILABLE where the keys
 * of its issuer cannot be had now
 */
export async function authenticate(
  metadata: Metadata,
  verifier: Pick<TokenVerifier, "verify">,
): Promise<VerifiedToken> {
  const token = bearerToken(metadata);
  try {
    return await verifier.verify(token);
  } catch (error) {
    if (error instanceof TokenError) throw new GrpcError(Status.UNAUTHENTICATED, `invalid jwt token: ${error.message}`);
    if (error instanceof KeysUnavailableError) throw new GrpcError(Status.UNAVAILABLE, error.message);
    throw error;
  }
}
