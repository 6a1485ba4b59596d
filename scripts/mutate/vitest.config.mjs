/**
 * The configuration of a run with one mutant: the project's own, with the mutated text in the place of one source. The
 * sources on the disk stay as they are. The mutant and the order of the test files come from the environment.
 */
import { mergeConfig } from "vitest/config";
import { BaseSequencer } from "vitest/node";
import project from "../../vitest.config.ts";

/** @type {{ file?: string, text?: string, tests: string[], testTimeoutMs: number }} */
const { file, text, tests, testTimeoutMs } = JSON.parse(process.env.TRUNKLINE_MUTANT ?? '{"tests":[]}');

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
        return file !== undefined && id.split("?")[0] === file ? text : undefined;
      },
    },
  ],
  test: {
    bail: 1,
    maxWorkers: 1,
    sequence: { sequencer: GivenOrder },
    reporters: ["dot"],
    testTimeout: testTimeoutMs,
    hookTimeout: testTimeoutMs,
  },
});
