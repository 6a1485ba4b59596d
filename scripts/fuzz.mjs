/**
 * `npm run fuzz -- [--seconds N] [--target NAME]… [--seed N] [--keep]`: feeds each target hostile input for its share
 * of the time (60 s in all by default), starting from `scripts/fuzz/corpus`, which the quick tests run too. Input that
 * shows new behaviour is changed further, and with `--keep` saved; input that breaks a target is always saved, and ends
 * that target's run and the command with 1. The targets are TypeScript and run on the sources, as the tests do.
 */
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { runnerImport } from "vite";

const usage = "usage: npm run fuzz -- [--seconds N] [--target NAME]… [--seed N] [--keep]";
const { seconds, target, seed, keep } = readArguments();

const root = fileURLToPath(new URL("..", import.meta.url));
const conditions = ["trunkline-source", "module", "node", "development|production"];
const { module } = await runnerImport(fileURLToPath(new URL("fuzz/main.ts", import.meta.url)), {
  root,
  configFile: false,
  logLevel: "warn",
  // Ours on their sources, not as built: one class of errors, not two.
  environments: { inline: { resolve: { conditions, noExternal: [/^@trunkline\//] } } },
});
process.exitCode = /** @type {{ main(options: object): number }} */ (module).main({
  seconds,
  targets: target,
  seed,
  keep,
});

function readArguments() {
  try {
    const { values } = parseArgs({
      options: {
        seconds: { type: "string", default: "60" },
        target: { type: "string", multiple: true },
        seed: { type: "string" },
        keep: { type: "boolean" },
      },
    });
    const seconds = Number(values.seconds);
    if (!(seconds > 0)) throw new Error(`--seconds must be a number above 0, not ${values.seconds}`);
    const seed = values.seed === undefined ? undefined : Number(values.seed);
    if (seed !== undefined && !Number.isSafeInteger(seed))
      throw new Error(`--seed must be a whole number, not ${values.seed}`);
    return { ...values, seconds, seed };
  } catch (error) {
    console.error(`${error.message}\n${usage}`);
    process.exit(2);
  }
}
