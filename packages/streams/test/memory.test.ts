import { describe, test } from "vitest";
import { memoryPair } from "../src/index.js";
import { complianceTests } from "../src/testing/index.js";

describe("compliance of memory pairs", () => {
  const suite = complianceTests({
    connect(clock) {
      const [first, second] = memoryPair<Uint8Array>({ clock });
      return { first, second };
    },
  });
  for (const { title, run } of suite) test(title, run);
});
