import process from "node:process";

/** The version of this package, for `--version`; a test compares it with package.json. */
export const version = "0.1.0";

/** Returns the versions that a report of a bug should name. */
export function versions(): { trunkline: string; node: string; system: string } {
  return {
    trunkline: `trunkline ${version}`,
    node: `Node ${process.versions.node}`,
    system: `${process.platform} ${process.arch}`,
  };
}
