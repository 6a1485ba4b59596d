/**
 * `npm run simulate -- [--seeds N] [--from S] [--seed X --story] [--states N]`: walks two sessions through small worlds
 * whose routers crash, drain, mix halves up and end calls too early. A seed is one walk, and always the same one.
 * `--story` tells the steps of one seed, and their hash. `--states` goes to so many states of the smallest world
 * instead, and says if there are no more. Exits with 1 where something is lost, or does not come to its end.
 */
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { runnerImport } from "vite";

const usage = "usage: npm run simulate -- [--seeds N] [--from S] [--seed X --story] [--states N]";
const options = readArguments();
const conditions = ["trunkline-source", "module", "node", "development|production"];
const { module } = await runnerImport(fileURLToPath(new URL("simulate/main.ts", import.meta.url)), {
  root: fileURLToPath(new URL("..", import.meta.url)),
  configFile: false,
  logLevel: "warn",
  // Ours on their sources, not as built: one class of errors, not two.
  environments: { inline: { resolve: { conditions, noExternal: [/^@trunkline\//] } } },
});
process.exitCode = /** @type {{ main(options: object): number }} */ (module).main(options);

function readArguments() {
  try {
    const { values } = parseArgs({
      options: {
        seeds: { type: "string", default: "2000" },
        from: { type: "string", default: "0" },
        seed: { type: "string" },
        story: { type: "boolean", default: false },
        states: { type: "string" },
      },
    });
    /** @param {string} name @param {string} text @param {number} least @returns {number} */
    const whole = (name, text, least) => {
      const number = Number(text);
      if (Number.isSafeInteger(number) && number >= least && text.trim() !== "") return number;
      throw new Error(`--${name} must be a whole number from ${least}, not ${JSON.stringify(text)}`);
    };
    if (values.story && values.seed === undefined) throw new Error("--story tells one seed: --seed X --story");
    return {
      from: values.seed === undefined ? whole("from", values.from, 0) : whole("seed", values.seed, 0),
      seeds: values.seed === undefined ? whole("seeds", values.seeds, 1) : 1,
      story: values.story,
      states: values.states === undefined ? undefined : whole("states", values.states, 1),
    };
  } catch (error) {
    console.error(`${/** @type {Error} */ (error).message}\n${usage}`);
    process.exit(2);
  }
}
