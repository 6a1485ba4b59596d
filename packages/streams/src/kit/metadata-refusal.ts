/** The refusal of metadata by a stream that cannot carry it. */
import { Metadata, type MetadataInit } from "@trunkline/metadata";
import { MetadataNotCarriedError } from "../contract/errors.js";

/**
 * Returns the reason why a stream that carries no metadata refuses a `send`: a `MetadataNotCarriedError`, or the
 * `MetadataError` of metadata that is not valid. Returns `undefined` where there is no metadata to carry.
 * @param carrier the words that begin the message, such as "a socket" or "this call"
 */
export function metadataRefusal(
  carrier: string,
  options: { readonly metadata?: MetadataInit | undefined } | undefined,
): Error | undefined {
  if (options?.metadata === undefined) return undefined;
  try {
    const { size } = Metadata.from(options.metadata);
    if (size === 0) return undefined;
    const fields = size === 1 ? "1 field" : `${size} fields`;
    return new MetadataNotCarriedError(
      `${carrier} cannot carry metadata with a message, and this message has ${fields}; ` +
        "over a stream of bytes, enveloped() at both ends carries it",
    );
  } catch (error) {
    return error as Error;
  }
}
