/** How a server's call goes through its hooks on the way out. */
import { Metadata } from "@trunkline/metadata";
import type { HookChain } from "../hooks/chain.js";
import { MetadataEvent, StatusEvent } from "../hooks/events.js";
import type { CallEnd } from "../hooks/interceptor.js";
import { GrpcError } from "../wire/errors.js";
import { isStatus, Status } from "../wire/status.js";
import { packDetail } from "../wire/status-details.js";
import type { StatusToSend } from "./status-fields.js";

/** Of something that is no `GrpcError` the client learns nothing more. */
export function errorForClient(thrown: unknown): GrpcError {
  return thrown instanceof GrpcError
    ? thrown
    : new GrpcError(Status.UNKNOWN, "an interceptor failed", { cause: thrown });
}

/** The initial metadata that the hooks want. @throws what a hook throws */
export function throughInitialMetadata(hooks: HookChain, given: Metadata): Metadata {
  const initial = new MetadataEvent(() => given);
  hooks.initialMetadata(initial);
  return initial.changed ?? given;
}

/** The status and trailing metadata that the hooks want. @throws what a hook throws */
export function throughStatus(
  hooks: HookChain,
  given: StatusToSend,
  metadata: Metadata | undefined,
): readonly [StatusToSend, Metadata | undefined] {
  const event = new StatusEvent(() => metadata ?? Metadata.empty, given);
  hooks.status(event);
  const { status, message } = event;
  if (!isStatus(status)) throw new RangeError(`a hook set the status to ${String(status)}, which is none`);
  return [{ status, message, details: event.details.map(packDetail) }, event.changed ?? metadata];
}

/** `sent`: the last word to the client, where there was one. */
export function endOf(
  sent: StatusToSend | undefined,
  error: Error | undefined,
  requestMessages: number,
  responseMessages: number,
): CallEnd {
  const failed = error instanceof GrpcError ? error.status : Status.CANCELLED;
  const { status, message } = sent ?? { status: failed, message: error?.message ?? "" };
  return { status, message, requestMessages, responseMessages, error };
}
