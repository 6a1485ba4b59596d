import { defineConfig } from "vitest/config";

// Tests run on the sources: the packages' `exports` name them under this condition.
const conditions = ["trunkline-source"];

export default defineConfig({
  resolve: { conditions: [...conditions, "module", "node", "development|production"] },
  ssr: { resolve: { conditions: [...conditions, "module", "node", "development|production"] } },
  test: {
    include: ["packages/*/test/**/*.test.ts", "examples/**/*.test.ts", "{bench,scripts}/**/*.test.mjs"],
    // All cores: many tests wait for sockets and processes.
    maxWorkers: "100%",
    testTimeout: 20_000,
    hookTimeout: 30_000,
  },
});
