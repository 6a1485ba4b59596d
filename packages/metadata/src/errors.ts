/** The one error of this package. `instanceof` recognises it from another copy of the package, too. */
import { brandClass } from "@trunkline/base";

/** The kind of fault: the key, a value, or the attempt to change frozen metadata. */
export type MetadataErrorCode = "METADATA_KEY" | "METADATA_VALUE" | "METADATA_FROZEN";

/**
 * Reports a key or a value that metadata cannot hold, a received `-bin` value that is not base64, or a change to
 * frozen metadata. The message names the key and never holds the value, which may be a secret.
 */
export class MetadataError extends TypeError {
  static {
    brandClass(MetadataError, "MetadataError");
  }

  override name = "MetadataError";
  /** The key as the caller gave it. */
  readonly key: string;
  /** The kind of fault, as a string that stays the same from version to version. */
  readonly code: MetadataErrorCode;

  constructor(message: string, options: { readonly key: string; readonly code: MetadataErrorCode }) {
    super(message);
    this.key = options.key;
    this.code = options.code;
  }
}
