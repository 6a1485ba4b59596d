import { equal } from "node:assert/strict";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { IdMap, spread } from "../../src/connection/id-map.js";
import { connectedPair, echoes } from "../support/endpoint.js";

describe("the map of streams", () => {
  it("is a map", () => {
    const ids = fc.oneof(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 2 ** 31 - 1 }));
    const step = fc.record({ id: ids, add: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300, size: "max" }), (steps) => {
        const map = new IdMap<string>();
        const model = new Map<number, string>();
        for (const { id, add } of steps) {
          if (!add) equal(map.delete(id), model.delete(id));
          else if (!model.has(id)) {
            map.add(id, `value ${id}`);
            model.set(id, `value ${id}`);
          }
          equal(map.get(id), model.get(id));
          equal(map.size, model.size);
        }
        for (const [id, value] of model) equal(map.get(id), value);
        expect(map.values().sort()).toEqual([...model.values()].sort());
      }),
      { numRuns: 100 },
    );
  });

  it("spreads 10,000 streams evenly, wherever their numbers fall, so that none is looked for among many", () => {
    const slots = 2 ** 15;
    const near = 64;
    // By twos, and by a step that falls on one slot of a table whose hash is the identifier.
    for (const step of [2, 2 ** 15, 2 ** 16]) {
      const taken = new Array<number>(slots / near).fill(0);
      for (let stream = 0; stream < 10_000; stream++) {
        const neighbourhood = Math.floor((spread(1 + stream * step) & (slots - 1)) / near);
        taken[neighbourhood] = (taken[neighbourhood] as number) + 1;
      }
      // Evenly it is 20 of 64; chance alone never makes it all of them.
      expect(Math.max(...taken)).toBeLessThan(near);
    }
  });

  it("keeps calls apart among thousands of open ones", () => {
    const { client, server, link } = connectedPair({ server: { settings: { maxConcurrentStreams: 10_000 } } });
    echoes(server);
    for (let stream = 0; stream < 3_000; stream++) client.open();
    link.run();
    for (let turn = 0; turn < 200; turn++) {
      const call = client.open();
      client.stream(call.id).sendData(Buffer.from(`call ${turn}`), { endStream: true });
      link.run();
      expect(call.body.toString()).toBe(`call ${turn}`);
    }
    expect(client.connection.activeStreams).toBe(3_000);
  });
});
