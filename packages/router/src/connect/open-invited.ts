/** Opens the stream that the exchange invites to by an offer or by the answer to a dial: a session, or one call. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { AbortSignalLike } from "@trunkline/streams";
import type { ResolvedEndToEnd } from "../end-to-end/options.js";
import { refuseWish, secureStream } from "../end-to-end/secure-stream.js";
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

export interface SecureInvitedOptions {
  readonly role: "dial" | "listen";
  /** The name that was dialled, or is listened under. */
  readonly name: string;
  /** The identity of this side for TLS inside the stream, undefined where it has none. */
  readonly endToEnd: ResolvedEndToEnd | undefined;
  /** A signal that ends the handshake of that TLS. */
  readonly signal?: AbortSignalLike | undefined;
}

/** Returns the stream through the router; undefined for a session that is here already, or was. @throws GrpcError */
export async function openInvited(
  invitation: Offer | DialResponse,
  { channels, sessions, liveness, request, waitMs, onResumption }: InvitedOptions,
): Promise<RouterStream | undefined> {
  const { endpoint, token, features, metadata, resumption } = invitation;
  const identity = "identity" in invitation && invitation.identity !== "" ? invitation.identity : undefined;
  const peerFeatures = parseFeatures(features);
  const theirs = fieldsToMetadata(metadata);
  // By name: the copy of an object by "..." takes several times as long, for each stream.
  if (resumption !== undefined)
    return sessions.join({
      peerFeatures,
      metadata: theirs,
      identity,
      endpoint,
      token,
      resumption,
      request,
      waitMs,
      onResumption,
    });
  const { pingIntervalMs, pingTimeoutMs } = liveness;
  return openRouterStream(channels.get(endpoint || undefined), {
    token,
    peerFeatures,
    metadata: theirs,
    identity,
    pingIntervalMs,
    pingTimeoutMs,
  });
}

/**
 * Returns the stream inside TLS, where this side has an identity; the stream itself where it has none.
 * @throws EndToEndError where only one side has an identity, or they do not trust each other
 */
export async function secureInvited(
  stream: RouterStream,
  { features }: Offer | DialResponse,
  { role, name, endToEnd, signal }: SecureInvitedOptions,
): Promise<RouterStream> {
  const peerFeatures = parseFeatures(features);
  if (endToEnd !== undefined) return secureStream(stream, { role, name, peerFeatures, endToEnd, signal });
  // A dialler without an identity leaves it to the listener to refuse it.
  if (role === "listen") refuseWish(stream, peerFeatures);
  return stream;
}
