/** Walks two sessions through small worlds; see `scripts/simulate.mjs`. */
import { createHash } from "node:crypto";
import { explore, shrink, story, walk, worldOf } from "../../packages/router/test/session/walk.js";

export interface SimulateOptions {
  readonly from: number;
  readonly seeds: number;
  /** True tells each step of the seed `from`. */
  readonly story: boolean;
  /** The number of states to go to, in place of the walks. */
  readonly states: number | undefined;
}

/** Returns the exit code. */
export function main({ from, seeds, story: tells, states }: SimulateOptions): number {
  if (states !== undefined) return exploreStates(states);
  if (tells) {
    const { steps, problem } = story(worldOf(from), from);
    console.log(steps.join("\n"));
    console.log(`hash ${createHash("sha256").update(steps.join("\n")).digest("hex").slice(0, 16)}`);
    console.log(problem ?? "both sides came to their end");
    return problem === undefined ? 0 : 1;
  }
  const startedAt = performance.now();
  for (let seed = from; seed < from + seeds; seed++) {
    const options = worldOf(seed);
    const found = walk(options, seed);
    if (found === undefined) continue;
    const { problem, path } = shrink(options, found);
    console.log(`seed ${seed}: ${problem}\n  ${path.join("\n  ")}`);
    return 1;
  }
  const msEach = (performance.now() - startedAt) / seeds;
  console.log(`${seeds} seeds from ${from}: both sides came to their end each time (${msEach.toFixed(2)} ms a seed)`);
  return 0;
}

function exploreStates(states: number): number {
  const world = { records: [1, 0], routers: 1, faults: 1, maxAttempts: 2 } as const;
  const result = explore(world, states);
  console.log(`${result.states} states${result.states < states ? ", which are all there are" : ""}`);
  if (result.found === undefined) return 0;
  console.log(`${result.found.problem}\n  ${result.found.path.join("\n  ")}`);
  return 1;
}
