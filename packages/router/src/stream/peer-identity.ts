/** The attribute that says who is at the other side of a stream. */
import { type AttributeKey, sharedAttribute } from "@trunkline/streams";

/**
 * The identity of the peer that has dialled, as the exchange has read it from that peer's token. It is an attribute of
 * the streams of a listener, and absent where the exchange does not tell it.
 */
export const peerIdentity: AttributeKey<string> = sharedAttribute("@trunkline/router", "peerIdentity");
