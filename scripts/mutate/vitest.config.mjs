/**
 * The configuration of a run with mutants: the project's own, with mutated texts in the place of sources. The sources
 * on the disk stay as they are. What to run comes from the file that the environment names.
 */
import { readFileSync } from "node:fs";
import { mergeConfig } from "vitest/config";
import { BaseSequencer } from "vitest/node";
import project from "../../vitest.config.ts";

const path = process.env.TRUNKLINE_MUTANTS;
if (path === undefined) throw new Error("TRUNKLINE_MUTANTS must name the file that says what to run");
/** @type {import("./vitest.mjs").Run} */
const { sources, tests, testTimeoutMs, runner } = JSON.parse(readFileSync(path, "utf8"));

class GivenOrder extends BaseSequencer {
  /** @override */
  async sort(specifications) {
    const place = ({ moduleId }) => tests.findIndex((test) => moduleId.endsWith(test));
    return [...specifications].sort((a, b) => place(a) - place(b));
  }
}

export default mergeConfig(project, {
  plugins: [
    {
      name: "mutant",
      enforce: "pre",
      load(id) {
        return sources[id.split("?")[0]];
      },
    },
  ],
  test: {
    ...(runner === undefined ? { bail: 1 } : { runner }),
    maxWorkers: 1,
    sequence: { sequencer: GivenOrder },
    reporters: ["dot"],
    testTimeout: testTimeoutMs,
    hookTimeout: testTimeoutMs,
  },
});
