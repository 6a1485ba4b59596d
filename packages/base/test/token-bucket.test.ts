import { describe, expect, it } from "vitest";
import { TokenBucket } from "../src/index.js";

describe("a token bucket", () => {
  it("is full at first: its burst goes at once, and then there is a wait", () => {
    const bucket = new TokenBucket(10, 3, 1_000);
    for (let item = 0; item < 3; item++) {
      expect(bucket.waitMs(1_000)).toBe(0);
      bucket.take(1, 1_000);
    }
    expect(bucket.waitMs(1_000)).toBe(100);
  });

  it("fills at its rate, and says nothing of a wait as soon as it holds a part of a token", () => {
    const bucket = new TokenBucket(10, 3, 1_000);
    bucket.take(3, 1_000);
    expect(bucket.waitMs(1_050)).toBe(0);
    bucket.take(1, 1_050);
    expect(bucket.waitMs(1_050)).toBe(150);
    expect(bucket.waitMs(1_100)).toBe(100);
  });

  it("makes the next wait longer by a debt", () => {
    const bucket = new TokenBucket(100, 10, 0);
    bucket.take(60, 0);
    expect(bucket.waitMs(0)).toBe(510);
    expect(bucket.waitMs(400)).toBe(110);
    expect(bucket.waitMs(501)).toBe(0);
  });

  it("holds no more than its burst however long it rests", () => {
    const bucket = new TokenBucket(10, 3, 0);
    bucket.take(3, 0);
    bucket.take(3, 1_000_000);
    expect(bucket.waitMs(1_000_000)).toBe(100);
  });
});
