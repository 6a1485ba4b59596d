/** The features of the other side: how they become known, and how many are kept. */
import { VirtualClock } from "@trunkline/streams/testing";
import { describe, expect, it } from "vitest";
import { featuresKey, ownFeatures, parseFeatures, RouterStream } from "../../src/index.js";
import { settle, testRouter, until } from "../support/router.js";

describe("receivePeerFeatures", () => {
  it("waits at a client until the router has joined the other side, and returns what that understands", async () => {
    await using test = testRouter({ clock: new VirtualClock() });
    const first = new RouterStream(test.plainCall("s"));
    let received: ReadonlySet<string> | undefined;
    const receiving = first.receivePeerFeatures().then((features) => {
      received = features;
    });
    await until(() => test.router.stats.waitingPeers === 1, "the first peer");
    await settle();
    expect(received).toBeUndefined();
    expect(first.peerFeatures.size).toBe(0);
    expect(first.carriesMetadata).toBe(false);
    const second = test.plainCall("s", { [featuresKey]: ownFeatures.join(",") });
    await second.start();
    await receiving;
    expect([...(received ?? [])]).toEqual([...ownFeatures]);
    expect(first.carriesMetadata).toBe(true);
    first.abort();
  });

  it("returns at once the features that were given", async () => {
    await using test = testRouter({ clock: new VirtualClock() });
    const given = new Set(["end"]);
    expect(await new RouterStream(test.plainCall("s"), { peerFeatures: given }).receivePeerFeatures()).toBe(given);
    expect(test.router.stats.waitingPeers).toBe(0); // the call was not even started
  });

  it("ends with its signal", async () => {
    await using test = testRouter({ clock: new VirtualClock() });
    const stream = new RouterStream(test.plainCall("s"));
    const ending = new AbortController();
    const receiving = stream.receivePeerFeatures({ signal: ending.signal });
    await settle();
    ending.abort(new Error("enough"));
    await expect(receiving).rejects.toThrow("enough");
    stream.abort();
  });
});

describe("features in metadata", () => {
  const many = (count: number): string => Array.from({ length: count }, (_, index) => `f${index}`).join(",");

  it("are read from a list of words, 32 at most", () => {
    expect([...parseFeatures("end, abort")]).toEqual(["end", "abort"]);
    expect(parseFeatures(undefined).size).toBe(0);
    expect(parseFeatures(many(32)).size).toBe(32);
    expect(parseFeatures(many(33)).size).toBe(32);
    expect(parseFeatures(many(33).split(",")).size).toBe(32);
  });

  it("are words of 32 characters at most; others are left out", () => {
    expect(parseFeatures("f".repeat(32)).size).toBe(1);
    expect([...parseFeatures(`${"f".repeat(33)},Upper,1st,,end`)]).toEqual(["end"]);
  });
});
