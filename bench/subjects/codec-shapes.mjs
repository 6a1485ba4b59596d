/** The messages that every codec encodes and decodes, as plain objects in the shape of protobuf-es. */

import { ManySchema, MappedSchema, MixedSchema, SmallSchema } from "../gen/shapes_pb.js";

/** @typedef {import("@bufbuild/protobuf").DescMessage} DescMessage */

/** @type {Record<string, { schema: DescMessage, value: Record<string, unknown> }>} */
export const shapes = {
  small: { schema: SmallSchema, value: { payload: new Uint8Array(10).fill(7) } },
  mixed: {
    schema: MixedSchema,
    value: {
      id: "device-0123456789",
      level: 12_345,
      offset: 1_234_567_890_123n,
      flags: 77,
      delta: -5n,
      ratio: 1.5,
      share: 2.5,
      ready: true,
      digest: new Uint8Array(20).fill(3),
      color: 2,
      item: { name: "inner", count: 3 },
      counts: { first: 1, second: 2, third: 3 },
      samples: [1, 2, 3, 400, 50_000],
      kind: { case: "text", value: "some more text in here" },
    },
  },
  many: {
    schema: ManySchema,
    value: { items: Array.from({ length: 100 }, (_, index) => ({ name: `item ${index}`, count: index })) },
  },
  mapped: {
    schema: MappedSchema,
    value: { entries: Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`key${index}`, `value ${index}`])) },
  },
};

/**
 * @typedef {object} Codec
 * @property {() => Uint8Array} encode the shape's message
 * @property {(bytes: Uint8Array) => unknown} decode
 */

/**
 * Makes a subject of the scenarios `codec-SHAPE-encode` and `codec-SHAPE-decode`.
 * @param {(schema: DescMessage, value: Record<string, unknown>) => Codec} codecOf
 */
export function codecSubject(codecOf) {
  /** @type {Record<string, (timing: { warmUpMs: number, windowMs: number }) => import("../types.d.ts").Measurement>} */
  const subject = {};
  for (const [shape, { schema, value }] of Object.entries(shapes)) {
    const codec = codecOf(schema, value);
    const bytes = codec.encode();
    subject[`codec-${shape}-encode`] = (timing) => microsOf(timing, () => codec.encode());
    subject[`codec-${shape}-decode`] = (timing) => microsOf(timing, () => codec.decode(bytes));
  }
  return subject;
}

/** Messages between two looks at the clock. */
const atATime = 200;

/**
 * @param {{ warmUpMs: number, windowMs: number }} timing
 * @param {() => unknown} once
 */
function microsOf({ warmUpMs, windowMs }, once) {
  /** @param {number} durationMs */
  const run = (durationMs) => {
    const start = performance.now();
    let messages = 0;
    let now = start;
    for (; now - start < durationMs; now = performance.now()) {
      for (let turn = 0; turn < atATime; turn += 1) if (once() === undefined) throw new Error("nothing came of it");
      messages += atATime;
    }
    return { amount: ((now - start) * 1_000) / messages, elapsedMs: now - start };
  };
  run(warmUpMs);
  return run(windowMs);
}
