/**
 * `npm run fuzz -- [--seconds N] [--target NAME]… [--seed N] [--keep]`: feeds each target hostile input for its share of the
 * time (60 s in all by default), starting from `scripts/fuzz/corpus`, which the quick tests run too. Input that shows new
 * behaviour is changed further, and with `--keep` saved; input that breaks a target is always saved, and ends that target's run
 * and the command with 1. The targets are TypeScript and run on the sources, as the tests do.
 */
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { runnerImport } from "vite";

const root = fileURLToPath(new URL("..", import.meta.url));
const conditions = ["trunkline-source", "module", "node", "development|production"];
const { module } = await runnerImport(fileURLToPath(new URL("fuzz/main.ts", import.meta.url)), {
  root,
  configFile: false,
  logLevel: "warn",
  // Ours on their sources, not as built: one class of errors, not two.
  environments: { inline: { resolve: { conditions, noExternal: [/^@trunkline\//] } } },
});

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    target: { type: "string", multiple: true },
    seed: { type: "string" },
    keep: { type: "boolean" },
  },
});
const { main } = /** @type {{ main(options: object): number }} */ (module);
process.exitCode = main({
  seconds: Number(values.seconds),
  targets: values.target,
  seed: values.seed === undefined ? undefined : Number(values.seed),
  keep: values.keep,
});
