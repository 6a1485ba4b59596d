import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { IdMap } from "../../src/connection/id-map.js";
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
          if (!add) expect(map.delete(id)).toBe(model.delete(id));
          else if (!model.has(id)) {
            map.add(id, `value ${id}`);
            model.set(id, `value ${id}`);
          }
          expect(map.get(id)).toBe(model.get(id));
          expect(map.size).toBe(model.size);
        }
        for (const [id, value] of model) expect(map.get(id)).toBe(value);
        expect(map.values().sort()).toEqual([...model.values()].sort());
      }),
      { numRuns: 100 },
    );
  });

  it("finds a stream as fast among 10,000 that stay open as alone, wherever its number falls", () => {
    const timed = (idle: number, step: number): number => {
      const map = new IdMap<object>();
      let id = 1;
      for (let stream = 0; stream < idle; stream++, id += step) map.add(id, {});
      const start = performance.now();
      for (let turn = 0; turn < 100_000; turn++, id += 2) {
        map.add(id, {});
        map.get(id);
        map.delete(id);
      }
      return performance.now() - start;
    };
    timed(0, 2);
    const alone = timed(0, 2);
    // By twos, and by a step that falls on one slot of a table whose hash is the identifier.
    for (const step of [2, 2 ** 16]) expect(timed(10_000, step)).toBeLessThan(20 * alone + 50);
  });

  it("keeps calls apart among thousands of open ones", () => {
    const { client, server, link } = connectedPair({ server: { settings: { maxConcurrentStreams: 10_000 } } });
    echoes(server);
    for (let stream = 0; stream < 3_000; stream++) client.open();
    link.run();
    for (let turn = 0; turn < 200; turn++) {
      const call = client.open();
      client.connection.sendData(call.id, Buffer.from(`call ${turn}`), { endStream: true });
      link.run();
      expect(call.body.toString()).toBe(`call ${turn}`);
    }
    expect(client.connection.activeStreams).toBe(3_000);
  });
});
