/** The one configuration by which the dashboard's page is built, for the build and for the test of its size. */
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("../../packages/dashboard", import.meta.url));

/** @returns {import("vite").InlineConfig & { build: import("vite").BuildEnvironmentOptions }} */
export function pageConfig() {
  return {
    configFile: false,
    root: `${folder}/page`,
    base: "/",
    logLevel: "warn",
    oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
    build: {
      outDir: `${folder}/dist/page`,
      emptyOutDir: true,
      // Nothing is inlined: the page's policy takes scripts and styles from files only.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      target: "es2023",
    },
  };
}
