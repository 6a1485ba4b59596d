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
    // Generous, and longer than `until` of the tests' support waits: a busy machine may take seconds to start a process.
    testTimeout: 90_000,
    hookTimeout: 90_000,
  },
});
