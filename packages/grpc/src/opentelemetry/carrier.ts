/** Metadata as the carrier of a propagator: how it reads and writes fields. Bytes are base64 there. */
import { diag, type TextMapGetter, type TextMapSetter } from "@opentelemetry/api";
import { type Metadata, MetadataError } from "@trunkline/metadata";
import { decodeBase64, encodeBase64 } from "#platform";

/** Reads the metadata that a peer sent. A value that cannot be read is as if it were not there. */
export const getter: TextMapGetter<Metadata> = {
  keys: (metadata) => [...metadata.keys()],
  get(metadata, key) {
    try {
      const values = metadata.getAll(key).map((value) => (typeof value === "string" ? value : encodeBase64(value)));
      return values.length > 1 ? values : values[0];
    } catch (error) {
      if (!(error instanceof MetadataError)) throw error;
      return undefined;
    }
  },
};

/**
 * Writes into the metadata of a request. A field that metadata cannot hold is left out with a word to the API's log.
 */
export const setter: TextMapSetter<Metadata> = {
  set(metadata, key, value) {
    try {
      if (key.toLowerCase().endsWith("-bin")) metadata.set(`${key}` as `${string}-bin`, decodeBase64(value));
      else metadata.set(key, value);
    } catch (error) {
      if (!(error instanceof MetadataError)) throw error;
      diag.warn(`${key} of the context is not sent: ${error.message}`);
    }
  },
};
