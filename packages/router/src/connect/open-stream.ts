/** Opens one stream at a router. */
import { randomUUID } from "node:crypto";
import { checkOptionNames, optionNames } from "@trunkline/base";
import type { Channel } from "@trunkline/grpc";
import { Metadata, type MetadataInit, type WireField } from "@trunkline/metadata";
import type { AbortSignalLike } from "@trunkline/streams";
import { type Features, featuresKey, ownFeaturesText } from "../stream/features.js";
import { type LivenessOptions, livenessOptionNames } from "../stream/liveness.js";
import { peerKey } from "../stream/peer-key.js";
import { RouterStream } from "../stream/router-stream.js";
import { authorizationKey, bearer } from "../token/bearer.js";
import { routerClient } from "./clients.js";

/** Options of one stream at a router. */
export interface OpenStreamOptions extends LivenessOptions {
  /** A JWT whose `sub` names the stream: the router joins the two peers that come with the same one. */
  readonly token: string;
  /** A name for this peer, by which a router recognises a second call of it. Default: a random one. */
  readonly peerId?: string | undefined;
  /**
   * The features of the other side, where they are known. Default: those that the router names when it has joined both.
   */
  readonly peerFeatures?: Features | undefined;
  /** Metadata for the reader on this side, found with `extra(streamMetadata)`. It is not sent. */
  readonly metadata?: MetadataInit | undefined;
  /** The identity of the other side, found with `extra(peerIdentity)`. It is not sent. */
  readonly identity?: string | undefined;
  /** A signal that cancels the stream. */
  readonly signal?: AbortSignalLike | undefined;
}

const openOptionNames = optionNames<OpenStreamOptions>({
  ...livenessOptionNames,
  token: true,
  peerId: true,
  peerFeatures: true,
  metadata: true,
  identity: true,
  signal: true,
});

/**
 * Opens a stream at the router behind `channel`, ours or Jumpstarter's, with a token of one's own; `listen` and `dial`
 * do this with tokens of the exchange. Resolves when the call is on its way: it does not wait for the other side, and
 * flow control keeps what is sent before that comes.
 * @throws GrpcError UNAVAILABLE where the router cannot be reached; the stream's first step rejects with a refusal
 * (UNAUTHENTICATED, ALREADY_EXISTS, …)
 */
export async function openRouterStream(channel: Channel, options: OpenStreamOptions): Promise<RouterStream> {
  checkOptionNames("openRouterStream", options, openOptionNames);
  const { token, peerId = randomUUID(), signal, peerFeatures, metadata, identity } = options;
  const { pingIntervalMs, pingTimeoutMs } = options;
  const call = routerClient(channel).stream.open({ metadata: streamCredentials(token, peerId), signal });
  await call.start();
  return new RouterStream(call, { peerFeatures, metadata, identity, pingIntervalMs, pingTimeoutMs });
}

/**
 * Returns the metadata of the call. Token and name are used once, and would only push repeated fields out of the
 * compression table.
 */
export function streamCredentials(token: string, peerId: string): Metadata {
  // Through `Metadata`, so that a token that cannot be the value of a header is refused.
  const fields: readonly WireField[] = new Metadata([
    [authorizationKey, bearer(token)],
    [peerKey, peerId],
  ]).toWire();
  return Metadata.fromWire([
    ...fields.map(({ name, value }) => ({ name, value, neverIndexed: true })),
    { name: featuresKey, value: ownFeaturesText },
  ]);
}
