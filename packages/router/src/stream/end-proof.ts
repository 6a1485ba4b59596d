/** The attribute that says how sure a received end is. */
import { type AttributeKey, sharedAttribute } from "@trunkline/streams";

/**
 * The certainty that a direction is complete. `"verified"`: count and checksum agree. `"declared"`: a plain peer sent
 * GOAWAY, which some also send after a failure. `"bare"`: a plain peer ended its half, or the call with OK, and said
 * nothing more.
 */
export type EndProof = "verified" | "declared" | "bare";

/** The attribute of a router stream that says how sure its received end is; absent until the end has come. */
export const endProof: AttributeKey<EndProof> = sharedAttribute("@trunkline/router", "endProof");
