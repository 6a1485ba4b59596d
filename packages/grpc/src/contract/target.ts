/** The target of a call's channel, as an attribute of the call. */
import { type AttributeKey, sharedAttribute } from "@trunkline/streams";

/**
 * The target of the channel on which a call is made, as the URI of gRPC's naming document: `"dns:///host:port"`,
 * `"unix:/path"`. Calls at a server have none.
 */
export const callTarget: AttributeKey<string> = sharedAttribute("@trunkline/grpc", "callTarget");
