import { describe, expect, it } from "vitest";
import { WorkLimit } from "../../src/wire/work-limit.js";
import { settle } from "../support.js";

/** Pieces of work that end when they are told to, and the order in which they have begun. */
function pieces(limit: WorkLimit) {
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  return {
    begun,
    end: async (name: string): Promise<void> => {
      ends.get(name)?.();
      await settle(3);
    },
    add: (lane: object, name: string, mustWait?: () => Promise<void> | undefined): void => {
      const work = (): Promise<void> => {
        begun.push(name);
        return new Promise((resolve) => ends.set(name, resolve));
      };
      void limit.run(lane, work, mustWait);
    },
  };
}

describe("work beside the event loop", () => {
  it("goes on for a few pieces at a time and for lanes in turn, so that one with many stops no other", async () => {
    const { begun, add, end } = pieces(new WorkLimit(2));
    const [busy, other] = [{}, {}];
    for (const name of ["busy 1", "busy 2", "busy 3", "busy 4", "busy 5"]) add(busy, name);
    add(other, "other 1");
    add(other, "other 2");
    expect(begun).toEqual(["busy 1", "busy 2"]);
    await end("busy 1");
    await end("busy 2");
    expect(begun.slice(2)).toEqual(["busy 3", "other 1"]);
    await end("other 1");
    await end("busy 3");
    expect(begun.slice(4)).toEqual(["busy 4", "other 2"]);
    for (const name of ["busy 4", "other 2", "busy 5"]) await end(name);
    add(busy, "later 1");
    add(busy, "later 2");
    add(busy, "later 3");
    expect(begun.slice(6)).toEqual(["busy 5", "later 1", "later 2"]);
  });

  it("that must wait when its turn has come leaves its place to others", async () => {
    const { begun, add, end } = pieces(new WorkLimit(1));
    let goOn = (): void => {};
    let waits = true;
    const wait = (): Promise<void> | undefined =>
      waits
        ? new Promise((resolve) => {
            goOn = resolve;
          })
        : undefined;
    add({}, "waiting", wait);
    add({}, "other");
    await settle(3);
    expect(begun).toEqual(["other"]);
    waits = false;
    goOn();
    await settle(3);
    expect(begun).toEqual(["other"]);
    await end("other");
    expect(begun).toEqual(["other", "waiting"]);
  });
});
