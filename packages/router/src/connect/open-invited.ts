/** Opens the stream that the exchange invites to by an offer or by the answer to a dial: a session, or one call. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { DialRequestSchema, DialResponse, Offer } from "../gen/trunkline/v1/exchange_pb.js";
import type { ResumptionEvent } from "../session/resumption.js";
import { parseFeatures } from "../stream/features.js";
import { fieldsToMetadata } from "../stream/fields.js";
import type { LivenessOptions } from "../stream/liveness.js";
import type { RouterStream } from "../stream/router-stream.js";
import type { Channels } from "./channels.js";
import { openRouterStream } from "./open-stream.js";
import type { Sessions } from "./sessions.js";

export interface InvitedOptions {
  readonly channels: Channels;
  readonly sessions: Sessions;
  /** The liveness check of a stream that is one call. */
  readonly liveness: LivenessOptions;
  /** The request of the side that has dialled, undefined at the other one. */
  readonly request: MessageInitShape<typeof DialRequestSchema> | undefined;
  /** The time for the other side of a session to be heard. */
  readonly waitMs: number;
  readonly onResumption: ((event: ResumptionEvent) => void) | undefined;
}

/** Returns the stream; undefined for a session that is here already, or was. @throws GrpcError */
export async function openInvited(
  invitation: Offer | DialResponse,
  { channels, sessions, liveness, request, waitMs, onResumption }: InvitedOptions,
): Promise<RouterStream | undefined> {
  const { endpoint, token, features, metadata, resumption } = invitation;
  const identity = "identity" in invitation && invitation.identity !== "" ? invitation.identity : undefined;
  const peer = { peerFeatures: parseFeatures(features), metadata: fieldsToMetadata(metadata), identity };
  if (resumption !== undefined)
    return sessions.join({ ...peer, endpoint, token, resumption, request, waitMs, onResumption });
  return openRouterStream(channels.get(endpoint || undefined), { token, ...peer, ...liveness });
}
