/** The first message of each side inside TLS: the name that both mean, features, and metadata. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { reasonText } from "@trunkline/base";
import type { Metadata } from "@trunkline/metadata";
import { GreetingSchema } from "../gen/trunkline/v1/frames_pb.js";
import { type Features, ownFeatures, parseFeatures } from "../stream/features.js";
import { fieldsToMetadata, metadataToFields } from "../stream/fields.js";
import { EndToEndError } from "./error.js";

/** The features without which a peer inside TLS is not accepted: a cut direction has to show. */
const requiredFeature = "end";

/** The words of the other side inside TLS. */
export interface Greeting {
  readonly features: Features;
  readonly metadata: Metadata;
}

export function encodeGreeting(name: string, metadata: Metadata): Uint8Array {
  const greeting = create(GreetingSchema, { name, features: [...ownFeatures], metadata: metadataToFields(metadata) });
  return toBinary(GreetingSchema, greeting);
}

/** Reads the greeting of the other side. @throws EndToEndError for one that cannot be read, or of another name */
export function readGreeting(bytes: Uint8Array, name: string): Greeting {
  let greeting: Greeting & { readonly name: string };
  try {
    const { name: named, features, metadata } = fromBinary(GreetingSchema, bytes);
    greeting = { name: named, features: parseFeatures(features), metadata: fieldsToMetadata(metadata) };
  } catch (error) {
    throw new EndToEndError("FAILED", `the greeting of the other side cannot be read: ${reasonText(error)}`, {
      cause: error,
    });
  }
  if (greeting.name !== name) {
    const other = JSON.stringify(greeting.name.slice(0, 256));
    const message = `the router has joined this side of ${JSON.stringify(name)} with one of ${other}`;
    throw new EndToEndError("WRONG_NAME", message);
  }
  if (!greeting.features.has(requiredFeature))
    throw new EndToEndError("FAILED", "the other side gives no proofs of its ends");
  return greeting;
}
