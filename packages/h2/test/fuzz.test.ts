/**
 * Runs the inputs again that `npm run fuzz` has found worth keeping, and a moment of fresh input. The targets of gRPC
 * and of the router are here too, since all of them have one loop and one corpus.
 */
import { Buffer } from "node:buffer";
import { describe, expect, it } from "vitest";
import { loadCorpus } from "../../../scripts/fuzz/corpus.js";
import { fuzz } from "../../../scripts/fuzz/main.js";
import { targets } from "../../../scripts/fuzz/targets/index.js";

const freshMs = 300;

describe.each(targets)("hostile input to $name", (target) => {
  it("that was found before breaks nothing, and still reaches many kinds of behaviour", () => {
    const corpus = loadCorpus(target.name);
    expect(corpus.length).toBeGreaterThan(40);
    const reached = new Set<string>();
    for (const input of corpus) {
      try {
        for (const feature of target.run(input)) reached.add(feature);
      } catch (error) {
        throw new Error(`${Buffer.from(input).toString("base64")} breaks it`, { cause: error });
      }
    }
    expect(reached.size).toBeGreaterThan(corpus.length / 2);
  });

  it("that is fresh breaks nothing", () => {
    const { failure } = fuzz(target, freshMs, Date.now() & 0xffffff);
    if (failure === undefined) return;
    const input = Buffer.from(failure.input).toString("base64");
    throw new Error(`to save it, add this line to scripts/fuzz/corpus/${target.name}-failures.txt: ${input}`, {
      cause: failure.error,
    });
  });
});
