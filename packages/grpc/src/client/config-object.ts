/** The objects of a service config, which may have come as JSON from elsewhere. */

/** Returns whether a value is what an object in JSON becomes: neither null nor an array. */
export function isConfigObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Checks the names of an object's fields. @throws TypeError that names one that is not known */
export type FieldCheck = (where: string, object: object, known: ReadonlySet<string>) => void;

/** Passes over fields that are not known. @throws TypeError for what is no object */
export const ignoreUnknown: FieldCheck = (where, object) => {
  if (!isConfigObject(object)) throw new TypeError(`${where} must be an object, not ${String(object)}`);
};
