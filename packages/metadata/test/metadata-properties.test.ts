import fc from "fast-check";
import { expect, test } from "vitest";
import { Metadata, type MetadataValue } from "../src/index.js";

const key = fc.constantFrom("a", "b", "0", "x.y", "a-bin", "b-bin", "A", "B-Bin");
const text = fc
  .string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)), maxLength: 12 })
  .map((value) => value.trim());
const pair = key.chain(
  (name): fc.Arbitrary<[string, MetadataValue]> =>
    (name.toLowerCase().endsWith("-bin") ? fc.uint8Array({ maxLength: 12 }) : text).map((value) => [name, value]),
);

/** The naive multi-map: a list of pairs. */
function modelSet(model: [string, MetadataValue][], name: string, values: MetadataValue[]): [string, MetadataValue][] {
  const first = model.findIndex(([other]) => other === name);
  const result = model.filter(([other]) => other !== name);
  const at = first === -1 ? result.length : model.slice(0, first).filter(([other]) => other !== name).length;
  result.splice(at, 0, ...values.map((value): [string, MetadataValue] => [name, value]));
  return result;
}

test("any sequence of append, set and delete agrees with a list of pairs", () => {
  const operation = fc.oneof(
    pair.map((entry) => ({ kind: "append" as const, entry })),
    fc.tuple(pair, fc.nat(3)).map(([entry, count]) => ({ kind: "set" as const, entry, count })),
    key.map((name) => ({ kind: "delete" as const, name })),
  );
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 30 }), (operations) => {
      const metadata = new Metadata();
      let model: [string, MetadataValue][] = [];
      for (const step of operations) {
        if (step.kind === "append") {
          metadata.append(...step.entry);
          model.push([step.entry[0].toLowerCase(), step.entry[1]]);
        } else if (step.kind === "set") {
          const values = Array<MetadataValue>(step.count).fill(step.entry[1]);
          metadata.set(step.entry[0], values);
          model = modelSet(model, step.entry[0].toLowerCase(), values);
        } else {
          const name = step.name.toLowerCase();
          expect(metadata.delete(step.name)).toBe(model.some(([other]) => other === name));
          model = model.filter(([other]) => other !== name);
        }
        expect([...metadata]).toEqual(model);
        expect(metadata.size).toBe(model.length);
        expect([...metadata.keys()]).toEqual([...new Set(model.map(([name]) => name))]);
      }
    }),
  );
});

test("the wire gives back exactly what was put in", () => {
  fc.assert(
    fc.property(fc.array(pair), (pairs) => {
      const sent = new Metadata(pairs);
      const received = Metadata.fromWire(sent.toWire());
      expect([...received]).toEqual(pairs.map(([name, value]) => [name.toLowerCase(), value]));
      expect(received.toWire()).toEqual(sent.toWire());
    }),
  );
});

test("joining the values of a binary key by commas changes nothing", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 8 }), { minLength: 1 }), fc.boolean(), (values, padded) => {
      const encoded = values.map((value) => {
        const base64 = Buffer.from(value).toString("base64");
        return padded ? base64 : base64.replaceAll("=", "");
      });
      expect(Metadata.fromWire([{ name: "a-bin", value: encoded.join(",") }]).getAll("a-bin")).toEqual(values);
    }),
  );
});

test("merge is set of each key, in the order of the keys", () => {
  fc.assert(
    fc.property(fc.array(pair), fc.array(pair), (under, over) => {
      const expected = new Metadata(under);
      const outer = new Metadata(over);
      for (const name of outer.keys()) expected.set(name, outer.getAll(name));
      expect(new Metadata(under).merge(over).toJSON()).toEqual(expected.toJSON());
    }),
  );
});
