/**
 * `npm run fuzz -- [--seconds N] [--target NAME]… [--seed N] [--keep]`: feeds each target hostile input for its share
 * of the time (60 s in all by default), starting from `scripts/fuzz/corpus`, which the quick tests run too. Input that
 * shows new behaviour is changed further, and with `--keep` saved; input that breaks a target is always saved, and ends
 * that target's run and the command with 1. The targets are TypeScript and run on the sources, as the tests do.
 */
import { parseArgs } from "node:util";
import { importSource } from "./import-source.mjs";

const usage = "usage: npm run fuzz -- [--seconds N] [--target NAME]… [--seed N] [--keep]";
const { seconds, target, seed, keep } = readArguments();

const { main } = await importSource(new URL("fuzz/main.ts", import.meta.url));
process.exitCode = main({ seconds, targets: target, seed, keep });

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
