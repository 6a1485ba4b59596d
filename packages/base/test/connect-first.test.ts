import { describe, expect, it } from "vitest";
import { attemptDelayMs, connectFirst } from "../src/connect-first.js";
import { VirtualClock } from "../src/testing/index.js";

/** A race whose attempts the test settles by hand. */
function race(addresses: readonly string[]) {
  const clock = new VirtualClock();
  const log: string[] = [];
  const settle = new Map<string, { connect(): void; fail(): void }>();
  const cancel = connectFirst<string, string>(
    addresses,
    (address, onConnected, onFailed) => {
      log.push(`${clock.nowMs()} begin ${address}`);
      settle.set(address, {
        connect: () => onConnected(address),
        fail: () => onFailed(new Error(`${address} failed`)),
      });
      return () => log.push(`${clock.nowMs()} cancel ${address}`);
    },
    clock,
    {
      onConnected: (address) => log.push(`${clock.nowMs()} connected ${address}`),
      onFailed: (errors) =>
        log.push(`${clock.nowMs()} ${errors.map(({ message }) => message).join(", ") || "no address"}`),
    },
  );
  const on = (address: string) => settle.get(address) as { connect(): void; fail(): void };
  return { clock, log, cancel, on };
}

describe("connecting to the first of several addresses that answers (RFC 8305)", () => {
  it("goes on with a slow address while the next ones are tried beside it (nodejs/node#54359)", () => {
    const { clock, log, on } = race(["a", "b", "c"]);
    clock.advance(attemptDelayMs);
    on("b").fail();
    clock.advance(1_000 - attemptDelayMs);
    on("a").connect();
    expect(log).toEqual(["0 begin a", "250 begin b", "250 begin c", "1000 cancel c", "1000 connected a"]);
    expect(clock.pending).toBe(0);
  });

  it("tries the next address at once when one fails", () => {
    const { clock, log, on } = race(["a", "b"]);
    clock.advance(10);
    on("a").fail();
    on("b").connect();
    expect(log).toEqual(["0 begin a", "10 begin b", "10 connected b"]);
    expect(clock.pending).toBe(0);
  });

  it("waits anew for the address after that one", () => {
    const { clock, log, on } = race(["a", "b", "c"]);
    clock.advance(10);
    on("a").fail();
    clock.advance(attemptDelayMs - 1);
    expect(log).toEqual(["0 begin a", "10 begin b"]);
    clock.advance(1);
    expect(log.at(-1)).toBe("260 begin c");
  });

  it("fails when all have failed, with the errors in the order in which they came", () => {
    const { clock, log, on } = race(["a", "b"]);
    clock.advance(attemptDelayMs);
    on("b").fail();
    expect(log).toEqual(["0 begin a", "250 begin b"]);
    on("a").fail();
    expect(log.at(-1)).toBe("250 b failed, a failed");
    expect(clock.pending).toBe(0);
  });

  it("cancels every attempt, and begins no other, when it is cancelled", () => {
    const { clock, log, cancel } = race(["a", "b", "c"]);
    clock.advance(attemptDelayMs);
    cancel();
    clock.advance(10_000);
    expect(log).toEqual(["0 begin a", "250 begin b", "250 cancel a", "250 cancel b"]);
    expect(clock.pending).toBe(0);
  });

  it("fails without an address", () => {
    expect(race([]).log).toEqual(["0 no address"]);
  });
});
