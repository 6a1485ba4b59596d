/** The one place that turns the status of a user's gRPC call into a line, its details and an exit code. */

import { Buffer } from "node:buffer";
import { type JsonValue, toJson } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { GrpcError, Status } from "@trunkline/grpc";
import { CommandError, reasonOf, systemCode } from "../command-error.js";
import { ExitCode } from "../exit-codes.js";
import { printable } from "../format.js";
import type { Schema } from "./schema.js";

/** The exit codes of statuses that are not the one of a server that answers with an error. */
const exitCodes: Partial<Record<Status, ExitCode>> = {
  [Status.UNAUTHENTICATED]: ExitCode.denied,
  [Status.PERMISSION_DENIED]: ExitCode.denied,
  [Status.UNAVAILABLE]: ExitCode.targetUnavailable,
  [Status.DEADLINE_EXCEEDED]: ExitCode.broken,
  [Status.CANCELLED]: ExitCode.broken,
  [Status.UNIMPLEMENTED]: ExitCode.unknownName,
};

/** Returns the error for the user whose call to `address` has failed with `error`. */
export function callFailure(error: unknown, address: string): CommandError {
  if (error instanceof CommandError) return error;
  if (!(error instanceof GrpcError)) return new CommandError(reasonOf(error), ExitCode.internal, { cause: error });
  const exitCode = exitCodes[error.status] ?? ExitCode.rejected;
  if (error.status === Status.UNAVAILABLE && (systemCode(error) !== undefined || error.cause !== undefined)) {
    const message = `cannot reach ${address}: ${printable(reasonOf(error))}`;
    return new CommandError(message, exitCode, { cause: error });
  }
  const reason = error.message === "" ? "" : `: ${printable(error.message)}`;
  return new CommandError(`${address} answered ${error.code}${reason}`, exitCode, { cause: error });
}

/** Returns the details of a status as JSON; one of an unknown type with its bytes in base64. */
export async function detailsOf(error: GrpcError, schema: Schema): Promise<readonly JsonValue[]> {
  const details: JsonValue[] = [];
  for (const any of error.details) {
    const type = { "@type": any.typeUrl };
    try {
      const name = any.typeUrl.slice(any.typeUrl.lastIndexOf("/") + 1);
      await schema.get(name);
      const message = anyUnpack(any, schema.registry);
      const desc = schema.registry.getMessage(name);
      if (message === undefined || desc === undefined) throw new Error("unknown type");
      const json = await schema.converting(() => toJson(desc, message, { registry: schema.registry }));
      details.push(
        typeof json === "object" && json !== null && !Array.isArray(json)
          ? { ...type, ...json }
          : { ...type, value: json },
      );
    } catch {
      details.push({ ...type, value: Buffer.from(any.value).toString("base64") });
    }
  }
  return details;
}
