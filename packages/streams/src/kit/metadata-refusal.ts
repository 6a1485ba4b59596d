/** The refusal of metadata by a stream that cannot carry it. */
import { Metadata, type MetadataInit } from "@trunkline/metadata";
import { MetadataNotCarriedError } from "../contract/errors.js";

/**
 * Why a stream that carries no metadata has to refuse this `send`: a `MetadataNotCarriedError`, or the `MetadataError` of metadata
 * that cannot be; `undefined` where there is none to carry. `carrier` begins the message: "a socket", "this call".
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
      `${carrier} cannot carry metadata with a message, and this message has ${fields}`,
    );
  } catch (error) {
    return error as Error;
  }
}
