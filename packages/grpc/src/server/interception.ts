/** How a server's call goes through its hooks on the way out. */
import { Metadata } from "@trunkline/metadata";
import { GrpcError } from "../errors.js";
import type { CallEnd } from "../interceptor.js";
import { MetadataEvent, StatusEvent } from "../interceptors/events.js";
import type { HookChain } from "../interceptors/hook-chain.js";
import { isStatus, Status } from "../status.js";

/** A status with its metadata, as it goes out. */
export interface Trailers {
  readonly status: Status;
  readonly message: string;
  readonly metadata: Metadata | undefined;
}

/** Of something that is no `GrpcError` the client learns nothing more. */
export function errorForClient(thrown: unknown): GrpcError {
  return thrown instanceof GrpcError ? thrown : new GrpcError(Status.UNKNOWN, "an interceptor failed", { cause: thrown });
}

/** The initial metadata that the hooks want. @throws what a hook throws */
export function throughInitialMetadata(hooks: HookChain, given: Metadata): Metadata {
  const initial = new MetadataEvent(() => given);
  hooks.initialMetadata(initial);
  return initial.changed ?? given;
}

/** The status that the hooks want. @throws what a hook throws */
export function throughStatus(hooks: HookChain, given: Trailers): Trailers {
  const event = new StatusEvent(() => given.metadata ?? Metadata.empty, given.status, given.message);
  hooks.status(event);
  const { status, message } = event;
  if (!isStatus(status)) throw new RangeError(`a hook set the status to ${String(status)}, which is none`);
  return { status, message, metadata: event.changed ?? given.metadata };
}

/** `sent`: the last word to the client, where there was one. */
export function endOf(
  sent: Pick<Trailers, "status" | "message"> | undefined,
  error: Error | undefined,
  requestMessages: number,
  responseMessages: number,
): CallEnd {
  const failed = error instanceof GrpcError ? error.status : Status.CANCELLED;
  const { status, message } = sent ?? { status: failed, message: error?.message ?? "" };
  return { status, message, requestMessages, responseMessages, error };
}
