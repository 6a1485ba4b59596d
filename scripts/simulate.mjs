/**
 * `npm run simulate -- [--seeds N] [--from S] [--seed X --story] [--states N]`: walks two sessions through small worlds
 * whose routers crash, drain, mix halves up and end calls too early. A seed is one walk, and always the same one.
 * `--story` tells the steps of one seed, and their hash. `--states` goes to so many states of the smallest world
 * instead, and says if there are no more. Exits with 1 where something is lost, or does not come to its end.
 */
import { parseArgs } from "node:util";
import { importSource } from "./import-source.mjs";

const usage = "usage: npm run simulate -- [--seeds N] [--from S] [--seed X --story] [--states N]";
const options = readArguments();
const { main } = await importSource(new URL("simulate/main.ts", import.meta.url));
process.exitCode = main(options);

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
