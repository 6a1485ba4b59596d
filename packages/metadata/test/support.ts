import { MetadataError } from "../src/index.js";

/** Returns a `Uint8Array` of the given octets. */
export const bytes = (...values: number[]): Uint8Array => new Uint8Array(values);

/** Returns the `MetadataError` that `action` throws, and fails where it throws none. */
export function errorOf(action: () => unknown): MetadataError {
  try {
    action();
  } catch (error) {
    if (error instanceof MetadataError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}
