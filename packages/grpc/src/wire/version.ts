/** The version of this package, for `user-agent`; a test compares it with package.json. */
export const version = "0.1.0";
