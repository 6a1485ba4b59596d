/**
 * The features of a peer: the frames that it understands beyond DATA and GOAWAY. A plain peer hands the payload of any
 * other frame to its application, so such frames go only to peers whose features are known: through the exchange, or by
 * `trunkline-features` in the metadata of the call.
 */

/** The features of this version. `end` proves its ends; `abort`, `fields` and `ping` are the frames of these names. */
export const ownFeatures = ["end", "abort", "fields", "ping"] as const;

/**
 * The feature of peers that can resume a stream. It is named to the exchange alone, which makes a session where both
 * peers have it; a stream at a router of one's own choice is none.
 */
export const resumeFeature = "resume";

/**
 * The feature of peers that want TLS inside their streams. It is named to the exchange, so that a peer which does not
 * speak it is told so; a router that removes or adds it can only make the stream fail.
 */
export const endToEndFeature = "tls";

export type Feature = (typeof ownFeatures)[number];

/** Returns the features that a peer names to the exchange. */
export function exchangeFeatures(resume: boolean, endToEnd: boolean): string[] {
  return [...ownFeatures, ...(resume ? [resumeFeature] : []), ...(endToEnd ? [endToEndFeature] : [])];
}

/** The features of a peer. A later version may have some that are not known here. */
export type Features = ReadonlySet<string>;

export const noFeatures: Features = new Set();

/** The metadata key under which a peer names its features to the router, and the router to the other peer. */
export const featuresKey = "trunkline-features";

/** The value for `featuresKey`. */
export const ownFeaturesText: string = ownFeatures.join(",");

/** The number of features that are kept of a peer: more than any version has. */
const maxFeatures = 32;

/** The features that were read last, and their text: nearly all peers of a process have the same ones. */
let last: { readonly text: string; readonly features: Features } = { text: "", features: noFeatures };
/** The longest text that is kept. */
const maxKeptChars = 1_024;

/** Reads features as metadata or the exchange carry them. Words that cannot be features are left out. */
export function parseFeatures(given: string | readonly string[] | undefined): Features {
  if (given === undefined) return noFeatures;
  const text = typeof given === "string" ? given : given.join();
  if (text === last.text) return last.features;
  const words = text.split(",", maxFeatures).map((word) => word.trim());
  const features = words.filter((word) => /^[a-z][a-z0-9-]{0,31}$/.test(word));
  const read = features.length === 0 ? noFeatures : new Set(features);
  if (text.length <= maxKeptChars) last = { text, features: read };
  return read;
}
