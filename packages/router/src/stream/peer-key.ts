/** The name of a peer in the metadata of its calls. */
import type { Metadata } from "@trunkline/metadata";

/**
 * The metadata key under which a peer names itself, so that one that tries again takes the place of its own stale half.
 */
export const peerKey = "trunkline-peer";

/**
 * The part of a peer's name that is kept and compared: longer ones are cut, since they stay in memory while the peer
 * waits.
 */
const maxPeerIdChars = 64;

/** Returns the name that a peer gives itself. */
export function peerIdOf(metadata: Metadata): string | undefined {
  return metadata.get(peerKey)?.slice(0, maxPeerIdChars);
}
