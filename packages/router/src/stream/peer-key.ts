/**
 * The metadata key under which a peer names itself, so that one that tries again takes the place of its own stale half.
 */
export const peerKey = "trunkline-peer";
