/** The version of this package, which operators see; a test compares it with package.json. */
export const version = "0.1.0";
