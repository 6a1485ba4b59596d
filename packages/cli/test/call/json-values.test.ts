import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { jsonValues } from "../../src/call/json-values.js";

async function cut(...pieces: readonly string[]): Promise<string[]> {
  const values: string[] = [];
  for await (const value of jsonValues(pieces)) values.push(value);
  return values;
}

describe("a text of JSON values", () => {
  test("is cut into them with and without blanks between", async () => {
    expect(await cut('{"a":1}{"b":"}\\""}\n\n[1,[2]] "x" 12 true "y""z"')).toEqual([
      '{"a":1}',
      '{"b":"}\\""}',
      "[1,[2]]",
      '"x"',
      "12",
      "true",
      '"y"',
      '"z"',
    ]);
    expect(await cut(" \n")).toEqual([]);
  });

  test("gives each value once it is whole, however the text is cut", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(fc.object(), fc.array(fc.jsonValue()), fc.string(), fc.integer()), { maxLength: 5 }),
        fc.array(fc.nat(8)),
        async (values, cuts) => {
          const texts = values.map((value) => JSON.stringify(value));
          let rest = texts.join(" ");
          const pieces: string[] = [];
          for (const length of cuts) {
            pieces.push(rest.slice(0, length));
            rest = rest.slice(length);
          }
          expect(await cut(...pieces, rest)).toEqual(texts);
        },
      ),
    );
  });

  test("that is no JSON is given as it is, for the parser to refuse", async () => {
    expect(await cut("}{]")).toEqual(["}", "{]"]);
    await expect(cut('{"a"')).rejects.toThrow("the data ends within a JSON value");
    await expect(cut('"a')).rejects.toThrow("the data ends within a JSON value");
  });
});
