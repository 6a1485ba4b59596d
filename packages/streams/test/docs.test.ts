import { expect, test } from "vitest";
import { examplesIn, printedBy } from "./support/doc-examples.js";

const examples = await examplesIn(new URL("../docs/", import.meta.url));

test.each(examples.map((example) => [example.title, example] as const))(
  "the example at %s prints what it says",
  async (_, example) => {
    expect(await printedBy(example)).toEqual(example.expected);
  },
);
