/**
 * The tests of metadata, which is carried exactly or refused, and of attributes, which are found through all layers.
 */
import { Metadata } from "@trunkline/metadata";
import { type Attributes, attribute } from "../../contract/attributes.js";
import { MetadataNotCarriedError } from "../../contract/errors.js";
import type { ObjectStream } from "../../contract/stream.js";
import { WrappedStream } from "../../kit/wrapped-stream.js";
import { bothWays, check, checkBytes, later, pairTest, pattern, receiveItems, rejection } from "./harness.js";
import type { ComplianceOptions, ComplianceTest } from "./options.js";

/** A wrapper that only adds attributes. */
class Labelled extends WrappedStream<{}> {
  readonly #attributes: Attributes;

  constructor(inner: ObjectStream<{}>, attributes: Attributes) {
    super(inner);
    this.#attributes = attributes;
  }

  protected override get ownAttributes(): Attributes {
    return this.#attributes;
  }
}

export function metadataTests(given: ComplianceOptions): ComplianceTest[] {
  return [
    ...bothWays(given, "metadata of a message is carried exactly, or refused", async (from, to, setup) => {
      const metadata = new Metadata([
        ["b", "2"],
        ["a", "x, y"],
        ["empty", ""],
        ["b", "1"],
        ["b", "2"],
        ["bytes-bin", pattern(1, 300)],
        ["bytes-bin", new Uint8Array(0)],
        ["0", "last"],
      ]);
      if (!from.stream.carriesMetadata) {
        await rejection(from.send(pattern(1, 4), { metadata }), MetadataNotCarriedError, "a send with metadata");
        await from.send(pattern(2, 4), { metadata: {} });
        await receiveItems(to, [pattern(2, 4)], setup);
        return;
      }
      const sending = later(
        (async () => {
          await from.send(pattern(1, 4), { metadata });
          await from.send(pattern(2, 4));
          await from.send(pattern(3, 4), { metadata: { tag: "dropped by receive" } });
          await from.send(pattern(4, 4), { metadata: { tag: "read" } });
        })(),
      );
      const first = await to.receiveWithMetadata();
      checkBytes(first?.data, pattern(1, 4), "the data that had metadata");
      check(
        JSON.stringify(first?.metadata) === JSON.stringify(metadata),
        `${JSON.stringify(metadata)}, but got ${JSON.stringify(first?.metadata)}`,
      );
      check(first?.metadata.frozen === true, "received metadata to be frozen");
      const second = await to.receiveWithMetadata();
      checkBytes(second?.data, pattern(2, 4), "the data without metadata");
      check(second?.metadata.size === 0, "no metadata where none was sent");
      checkBytes(await to.receive(), pattern(3, 4), "the data whose metadata is not read");
      const fourth = await to.receiveWithMetadata();
      check(fourth?.metadata.get("tag") === "read", "each message to have its own metadata");
      await sending;
    }),

    pairTest(
      given,
      "metadata that the sender changes afterwards does not change on the way",
      async ({ first, second }) => {
        if (!first.stream.carriesMetadata) return;
        const metadata = new Metadata({ tag: "before" });
        const sending = later(first.send(pattern(1, 4), { metadata }));
        metadata.set("tag", "after");
        check(
          (await second.receiveWithMetadata())?.metadata.get("tag") === "before",
          "the metadata as it was when it was sent",
        );
        await sending;
      },
    ),

    pairTest(given, "receiveWithMetadata gives the end as receive does", async ({ first, second }) => {
      await first.stream.sendEof();
      check((await second.receiveWithMetadata()) === undefined, "the end");
      check((await second.receive()) === undefined, "the end");
    }),

    pairTest(given, "attributes are seen through wrappers, whose own come first", async ({ first, second }) => {
      for (const { stream } of [first, second]) {
        const key = attribute<string>("own");
        const wrapped = new Labelled(new Labelled(stream, new Map([[key, "inner"]])), new Map([[key, "outer"]]));
        for (const [inner, value] of stream.extraAttributes)
          check(wrapped.extra(inner) === value, `${inner.name} through two wrappers`);
        check(wrapped.extra(key) === "outer", "the outer wrapper's own attribute");
        check(wrapped.extraAttributes.get(key) === "outer", "the outer wrapper's own attribute among all");
        check(
          wrapped.extraAttributes.size === stream.extraAttributes.size + 1,
          "nothing but the one attribute to be added",
        );
      }
    }),

    pairTest(given, "attributes answer alike one by one and all together", async ({ first, second }) => {
      for (const { stream } of [first, second]) {
        check(stream.extra(attribute("unknown")) === undefined, "no value for an unknown attribute");
        for (const [key, value] of stream.extraAttributes) {
          check(stream.extra(key) === value, `extra(${key.name}) to be what extraAttributes has`);
        }
      }
    }),
  ];
}
