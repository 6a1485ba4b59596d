/**
 * The ends of a session's call that are final. Any other status is a cut, after which the peer comes back: proxies,
 * captive portals and routers that go away make statuses too. So a final one says so in its trailing metadata.
 */
import { GrpcError, isStatus, Status } from "@trunkline/grpc";
import type { Metadata } from "@trunkline/metadata";
import type { AttachmentEnd } from "./session.js";

/** The metadata key of what is final: `unknown`, `superseded` or `denied`. */
const finalKey = "trunkline-final";
/** The metadata key of the attempt that has taken the place of a superseded one. */
const attemptKey = "trunkline-attempt";
/** The metadata key of the status with which the other side has left. */
const statusKey = "trunkline-status";

/** Returns the error for a half whose place a later attempt of the same side has taken. */
export function supersededError(byAttempt: number): GrpcError {
  return new GrpcError(Status.ABORTED, `the attempt ${byAttempt} of this side has taken the place of this one`, {
    metadata: { [finalKey]: "superseded", [attemptKey]: String(byAttempt) },
  });
}

/** Returns the error for a half whose other side has left the session. */
export function unknownError(status: number, message: string): GrpcError {
  return new GrpcError(Status.NOT_FOUND, message, {
    metadata: { [finalKey]: "unknown", [statusKey]: String(status) },
  });
}

/** Returns the error for a half, or a ticket, that the policy does not allow. */
export function deniedError(reason: string): GrpcError {
  return new GrpcError(Status.PERMISSION_DENIED, reason, { metadata: { [finalKey]: "denied" } });
}

/** Returns the end of an attachment whose call, or whose request for a way, has failed with `error`. */
export function attachmentEnd(error: Error): AttachmentEnd {
  if (!(error instanceof GrpcError)) return { kind: "cut", cause: error };
  const { metadata } = error;
  switch (metadata.get(finalKey)) {
    case "unknown":
      return { kind: "unknown", status: statusIn(metadata), message: error.message };
    case "superseded":
      return { kind: "superseded", byAttempt: numberIn(metadata, attemptKey), cause: error };
    case "denied":
      return { kind: "denied", cause: error };
    default:
      return { kind: "cut", cause: error };
  }
}

function statusIn(metadata: Metadata): number {
  const status = numberIn(metadata, statusKey);
  return isStatus(status) ? status : Status.UNKNOWN;
}

/** Returns a whole number, -1 where there is none that can be read. */
function numberIn(metadata: Metadata, key: string): number {
  const text = metadata.get(key);
  return typeof text === "string" && /^\d{1,15}$/.test(text) ? Number(text) : -1;
}
