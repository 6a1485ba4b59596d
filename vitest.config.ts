import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

// Tests run on the sources: the packages' `exports` name them under this condition. The other conditions are those of
// Node, so that a package is the same file here as in a program.
const conditions = ["trunkline-source"];

// Needs a process that no other file has used: `stdio()` can be had once a process.
const alone = ["packages/streams/test/node/child-process.test.ts"];
// The attacks collect garbage before and after each, which made them seven times as long in a process that has loaded
// everything. They share one of their own.
const attacks = ["packages/h2/test/attacks/*.test.ts"];

export default defineConfig({
  resolve: { conditions: [...conditions, "node", "development|production"] },
  ssr: { resolve: { conditions: [...conditions, "node", "development|production"] } },
  test: {
    // Half as many again as there are cores: a third of a worker's time goes by while its tests wait for processes,
    // sockets and threads.
    maxWorkers: Math.ceil(availableParallelism() * 1.5),
    setupFiles: ["packages/base/test/support/byte-equality.ts"],
    // Generous, and longer than `until` of the tests' support waits: on a machine with ten times the load that it can
    // carry the tests of processes took a minute.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    projects: [
      {
        extends: true,
        test: {
          name: "shared",
          include: ["packages/*/test/**/*.test.ts", "examples/**/*.test.ts", "{bench,scripts}/**/*.test.mjs"],
          exclude: [...alone, ...attacks],
          // Each worker loads the sources once, not once a file: two thirds of the suite's processor time went there.
          // So a test file leaves nothing behind: no fake timers, no listeners of the process, no changed globals.
          isolate: false,
        },
      },
      { extends: true, test: { name: "attacks", include: attacks, isolate: false } },
      { extends: true, test: { name: "alone", include: alone } },
    ],
  },
});
