/** The loop: input that shows new behaviour is kept and changed further; input that breaks a target ends the run. */
import { Buffer } from "node:buffer";
import { Random } from "../../packages/h2/test/support/random.js";
import { addFailure, loadCorpus, saveCorpus } from "./corpus.js";
import { mutated } from "./mutate.js";
import { must, type Target } from "./target.js";
import { targets } from "./targets/index.js";

export interface FuzzOptions {
  readonly seconds: number;
  /** The names of the targets; all of them by default. */
  readonly targets?: readonly string[] | undefined;
  readonly seed?: number | undefined;
  /** Save what showed new behaviour; input that breaks a target is saved in any case. */
  readonly keep?: boolean | undefined;
}

/** The number of inputs that the quick tests run again, in a second or two. */
const mostInputs = 150;
const largestKeptBytes = 3_000;
/**
 * The longest processor time for one input. Milliseconds are usual: an input that takes this long has found work that
 * grows faster than the input.
 */
const mostCpuMs = 5_000;
/** The number of inputs in the pool. In a long run the latest finds take the places of random others. */
const largestPool = 5_000;

/** @returns the exit code */
export function main(options: FuzzOptions): number {
  const names = options.targets ?? targets.map(({ name }) => name);
  const wanted = targets.filter(({ name }) => names.includes(name));
  const unknown = names.filter((name) => !targets.some((target) => target.name === name));
  if (unknown.length > 0) {
    for (const name of unknown) console.error(`there is no target ${JSON.stringify(name)}`);
    console.error(`targets: ${targets.map(({ name }) => name).join(", ")}`);
    return 2;
  }
  const seed = options.seed ?? Date.now() & 0xffffff;
  console.log(`seed ${seed}`);
  let failed = 0;
  for (const target of wanted) {
    const { failure, pool } = fuzz(target, (options.seconds * 1_000) / wanted.length, seed, console.log);
    if (target.report !== undefined) console.log(target.report());
    if (failure === undefined) {
      if (options.keep) saveCorpus(target.name, fewest(target, pool));
      continue;
    }
    failed += 1;
    addFailure(target.name, failure.input);
    console.error(
      `${target.name} broke: ${failure.error instanceof Error ? failure.error.stack : String(failure.error)}`,
    );
    console.error(`with the input (base64) ${Buffer.from(failure.input).toString("base64")}`);
  }
  console.log(`${wanted.length - failed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

export interface FuzzResult {
  /** Every input that showed something new, in order. */
  readonly pool: readonly Uint8Array[];
  /** The input that broke the target, made small, and how. */
  readonly failure: { readonly input: Uint8Array; readonly error: unknown } | undefined;
}

/** Runs the corpus, then fresh and changed input for `ms`. */
export function fuzz(target: Target, ms: number, seed: number, log: (line: string) => void = () => {}): FuzzResult {
  const random = new Random(seed);
  const seen = new Set<string>();
  const pool: Uint8Array[] = [];
  const saved = loadCorpus(target.name);
  const end = performance.now() + ms;
  let nextReport = performance.now() + 60_000;
  let runs = 0;
  for (; runs < saved.length || performance.now() < end; runs++) {
    const input = saved[runs] ?? nextInput(target, random, pool);
    const before = seen.size;
    try {
      const started = process.cpuUsage();
      for (const feature of target.run(input)) seen.add(feature);
      const cpuMs = process.cpuUsage(started).user / 1_000;
      must(cpuMs < mostCpuMs, `${input.length} bytes of input have taken ${Math.round(cpuMs)} ms of a processor`);
    } catch (error) {
      return { pool, failure: { input: smaller(target, input), error } };
    }
    if (seen.size > before) {
      pool.push(input);
      if (pool.length > largestPool) pool.splice(random.below(largestPool / 2), 1);
    }
    if (performance.now() > nextReport) {
      log(`${target.name}: ${runs} runs, ${seen.size} kinds of behaviour, ${pool.length} inputs that show them`);
      nextReport += 60_000;
    }
  }
  log(`${target.name}: ${runs} runs, ${seen.size} kinds of behaviour, ${pool.length} inputs that show them`);
  return { pool, failure: undefined };
}

function nextInput(target: Target, random: Random, pool: readonly Uint8Array[]): Uint8Array {
  if (pool.length === 0 || random.chance(0.25)) return target.generate(random);
  // The latest finds are the least explored.
  const from = random.chance(0.5) ? Math.max(0, pool.length - 20) : 0;
  const input = pool[from + random.below(pool.length - from)] as Uint8Array;
  const other = random.pick(pool);
  if (target.mutate !== undefined && random.chance(0.6)) return target.mutate(random, input, other);
  return mutated(random, input, other);
}

/** The failing input with as much as possible cut out, so that a person can read it. */
function smaller(target: Target, input: Uint8Array): Uint8Array {
  const breaks = (candidate: Uint8Array): boolean => {
    try {
      for (const _ of target.run(candidate));
      return false;
    } catch {
      return true;
    }
  };
  let best = input;
  const end = performance.now() + 5_000;
  for (let size = best.length >>> 1; size > 0; size >>>= 1) {
    for (let at = 0; at + size <= best.length && performance.now() < end; ) {
      const candidate = new Uint8Array(best.length - size);
      candidate.set(best.subarray(0, at));
      candidate.set(best.subarray(at + size), at);
      if (breaks(candidate)) best = candidate;
      else at += size;
    }
  }
  return best;
}

/** Returns the small inputs that show most: each shows something that those before it do not. */
function fewest(target: Target, pool: readonly Uint8Array[]): Uint8Array[] {
  const seen = new Set<string>();
  const small = pool.filter(({ length }) => length <= largestKeptBytes).sort((one, other) => one.length - other.length);
  const shown = small.map((input) => ({ input, features: [...target.run(input)] }));
  const fresh = (features: readonly string[]): number => features.filter((feature) => !seen.has(feature)).length;
  const kept: Uint8Array[] = [];
  // What shows much comes first, small before large; then what shows anything.
  for (const least of [6, 3, 1]) {
    for (const { input, features } of shown) {
      if (kept.length === mostInputs || fresh(features) < least) continue;
      for (const feature of features) seen.add(feature);
      kept.push(input);
    }
  }
  return kept;
}
