/** Opens one stream at a router. */
import { randomUUID } from "node:crypto";
import type { Channel } from "@trunkline/grpc";
import { Metadata, type MetadataInit, type WireField } from "@trunkline/metadata";
import type { AbortSignalLike } from "@trunkline/streams";
import { type Features, featuresKey, ownFeaturesText } from "../stream/features.js";
import { peerKey } from "../stream/peer-key.js";
import { RouterStream } from "../stream/router-stream.js";
import { authorizationKey, bearer } from "../token/bearer.js";
import { routerClient } from "./clients.js";

export interface OpenStreamOptions {
  /** A JWT whose `sub` names the stream: the router joins the two who come with the same one. */
  readonly token: string;
  /** Names this peer, so that a router takes a second try of it for what it is. Default: a random one. */
  readonly peerId?: string | undefined;
  /** What the other side understands, where that is known. Default: what the router says of it when it has joined both. */
  readonly peerFeatures?: Features | undefined;
  /** Found with `extra(streamMetadata)`; stays on this side. */
  readonly metadata?: MetadataInit | undefined;
  /** Cancels the stream. */
  readonly signal?: AbortSignalLike | undefined;
}

/**
 * Opens a stream at the router behind `channel`, ours or Jumpstarter's, for those who have made their tokens themselves; `listen` and `dial` do
 * this for everyone else. Resolves when the call is on its way: it does not wait for the other side, and what is sent before that has come is kept by flow control.
 * @throws GrpcError UNAVAILABLE where the router is not there; a refusal (UNAUTHENTICATED, ALREADY_EXISTS, …) is met by the first step
 */
export async function openRouterStream(channel: Channel, options: OpenStreamOptions): Promise<RouterStream> {
  const { token, peerId = randomUUID(), peerFeatures, metadata, signal } = options;
  const call = routerClient(channel).stream.open({ metadata: credentials(token, peerId), signal });
  await call.start();
  return new RouterStream(call, { peerFeatures, metadata });
}

/** Token and name are used once: in the connection's compression table they would only push out what is used again. */
function credentials(token: string, peerId: string): Metadata {
  // Through `Metadata`, so that a token that cannot be a header's value is refused.
  const fields: readonly WireField[] = new Metadata([
    [authorizationKey, bearer(token)],
    [peerKey, peerId],
  ]).toWire();
  return Metadata.fromWire([
    ...fields.map((field) => ({ ...field, neverIndexed: true })),
    { name: featuresKey, value: ownFeaturesText },
  ]);
}
