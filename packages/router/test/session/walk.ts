/** Walks through small worlds: at random by a seed, or everywhere. */
import { Random } from "../../../h2/test/support/random.js";
import { faults, SmallWorld, type WorldOptions } from "./small-world.js";

const worlds: readonly WorldOptions[] = [
  { records: [2, 1], routers: 2, faults: 3, maxAttempts: 8 },
  { records: [1, 1], routers: 2, faults: 3, maxAttempts: 8, mixes: true },
  { records: [3, 3], routers: 2, faults: 4, maxAttempts: 8, only: ["drain"] },
  { records: [2, 0], routers: 2, faults: 6, maxAttempts: 8, mixes: true, only: ["cut", "mix", "drain"] },
  { records: [1, 2], routers: 1, faults: 2, maxAttempts: 8, aborts: true },
];

/** Returns the world of a seed. */
export function worldOf(seed: number): WorldOptions {
  return worlds[seed % worlds.length] as WorldOptions;
}

export interface Found {
  readonly problem: string;
  readonly path: readonly string[];
}

/** The part of the steps that are faults: few, so that a walk gets far between them. */
const faultShare = 0.07;

/** Takes steps at random, then lets the sessions come to their end. Returns what went wrong, if anything did. */
export function walk(
  options: WorldOptions,
  seed: number,
  maxSteps = 120,
  onStep: (step: string) => void = () => {},
): Found | undefined {
  const random = new Random(seed);
  const world = new SmallWorld(options);
  const length = random.below(maxSteps);
  const path: string[] = [];
  for (let count = 0; count < length; count++) {
    const all = world.steps();
    const wantsFault = random.chance(faultShare);
    const some = all.filter((each) => faults.test(each) === wantsFault);
    const steps = some.length > 0 ? some : all;
    if (steps.length === 0) break;
    const step = random.pick(steps);
    path.push(step);
    onStep(step);
    world.take(step);
    const problem = world.problem();
    if (problem !== undefined) return { problem, path };
  }
  onStep("no more faults");
  const problem = world.settle(onStep);
  return problem === undefined ? undefined : { problem, path };
}

/** Returns all steps of the walk of a seed, those after its last fault too, and what went wrong. */
export function story(
  options: WorldOptions,
  seed: number,
): { readonly steps: readonly string[]; readonly problem: string | undefined } {
  const steps: string[] = [];
  const found = walk(options, seed, 120, (step) => steps.push(step));
  return { steps, problem: found?.problem };
}

/** Leaves out the steps of a path that the problem does not need. */
export function shrink(options: WorldOptions, { path, problem }: Found): Found {
  let shortest = path;
  for (let at = shortest.length - 1; at >= 0; at--) {
    const shorter = shortest.filter((_, index) => index !== at);
    if (fails(options, shorter)) shortest = shorter;
  }
  return { problem: fails(options, shortest) ?? problem, path: shortest };
}

function fails(options: WorldOptions, path: readonly string[]): string | undefined {
  const world = new SmallWorld(options);
  for (const step of path) {
    if (!world.steps().includes(step)) return undefined;
    world.take(step);
    const problem = world.problem();
    if (problem !== undefined) return problem;
  }
  return world.settle();
}

/**
 * Goes to every state of a world, the nearest first, and lets the sessions come to their end from there. Returns the
 * number of states, and what went wrong in the first one where something did.
 */
export function explore(
  options: WorldOptions,
  maxStates: number = Number.POSITIVE_INFINITY,
): { readonly states: number; readonly found: Found | undefined } {
  const seen = new Set<string>();
  let edge: (readonly string[])[] = [[]];
  while (edge.length > 0) {
    const next: (readonly string[])[] = [];
    for (const path of edge) {
      const world = new SmallWorld(options);
      for (const step of path) world.take(step);
      const steps = world.steps();
      for (const step of steps) {
        const after = new SmallWorld(options);
        for (const each of path) after.take(each);
        after.take(step);
        const key = after.key();
        if (seen.has(key)) continue;
        seen.add(key);
        const longer = [...path, step];
        next.push(longer);
        const problem = after.problem() ?? after.settle();
        if (problem !== undefined) return { states: seen.size, found: { problem, path: longer } };
        if (seen.size >= maxStates) return { states: seen.size, found: undefined };
      }
    }
    edge = next;
  }
  return { states: seen.size, found: undefined };
}
