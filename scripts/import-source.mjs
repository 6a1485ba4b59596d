/** Imports TypeScript of this repository, on the sources of the packages, as the tests run them. */
import { fileURLToPath } from "node:url";
import { runnerImport } from "vite";

/** @param {URL} url @returns {Promise<any>} what the module exports */
export async function importSource(url) {
  const conditions = ["trunkline-source", "module", "node", "development|production"];
  const { module } = await runnerImport(fileURLToPath(url), {
    root: fileURLToPath(new URL("..", import.meta.url)),
    configFile: false,
    logLevel: "warn",
    // Ours on their sources, not as built: one class of errors, not two.
    environments: { inline: { resolve: { conditions, noExternal: [/^@trunkline\//] } } },
  });
  return module;
}
