import { VirtualClock } from "@trunkline/base/testing";
import { beforeEach, describe, expect, it } from "vitest";
import { budgetFor, MessageBudget, type Reservation } from "../../src/call/message-budget.js";
import { Channel, Server } from "../../src/index.js";

let clock: VirtualClock;
let budget: MessageBudget;
let told: string[];

/** Asks for room for a message, whose name is told of what happens to it. */
function reserve(name: string, bytes: number): Reservation {
  return budget.reserve(
    { onRoom: () => told.push(`${name} has room`), onNoRoom: () => told.push(`${name} fails`) },
    bytes,
  );
}

beforeEach(() => {
  clock = new VirtualClock();
  budget = new MessageBudget({ maxBytes: 100, timeoutMs: 1_000, clock });
  told = [];
});

describe("a budget for messages in the making", () => {
  it("grants room up to its limit, and not one byte more", () => {
    expect(reserve("a", 60).granted).toBe(true);
    expect(reserve("b", 40).granted).toBe(true);
    expect(reserve("c", 1).granted).toBe(false);
    expect(budget.heldBytes).toBe(100);
  });

  it("grants room to the oldest message even if it is larger than the limit", () => {
    expect(reserve("a", 150).granted).toBe(true);
    expect(reserve("b", 1).granted).toBe(false);
  });

  it("lets those that wait go on in order of age, a small one not before a large one", () => {
    const a = reserve("a", 100);
    reserve("b", 90);
    expect(reserve("c", 5).granted).toBe(false);
    a.release();
    expect(told).toEqual(["b has room", "c has room"]);
    expect(budget.heldBytes).toBe(95);
  });

  it("forgets one that is given up while it waits, and watches nothing when none waits", () => {
    const a = reserve("a", 100);
    const b = reserve("b", 10);
    b.release();
    a.release();
    a.release();
    expect(told).toEqual([]);
    expect(budget.heldBytes).toBe(0);
    expect(clock.pending).toBe(0);
  });

  it("fails one that has waited for the time limit, and one that stands still while others wait", () => {
    reserve("still", 50);
    const busy = reserve("busy", 50);
    reserve("waiting", 10);
    for (let turn = 0; turn < 9; turn++) {
      clock.advance(125);
      busy.touch();
    }
    expect(told).toEqual(expect.arrayContaining(["still fails", "waiting fails"]));
    expect(told).not.toContain("busy fails");
  });

  it("fails nobody, however long a message stands still, while none waits", () => {
    reserve("a", 100);
    clock.advance(60_000);
    expect(told).toEqual([]);
    reserve("b", 1);
    clock.advance(500);
    expect(told).toEqual([]);
  });

  it("refuses limits that are none", () => {
    expect(() => new MessageBudget({ maxBytes: 0 })).toThrow("maxBytes");
    expect(() => new MessageBudget({ timeoutMs: 0.5 })).toThrow("timeoutMs");
  });

  it("is one for all servers and channels of the process that are given no other and no clock", () => {
    const system = new Server();
    expect(system).toBeDefined();
    const own = new MessageBudget();
    expect(budgetFor(own, clock)).toBe(own);
    expect(budgetFor(undefined, clock)).not.toBe(budgetFor(undefined, clock));
    const not = {} as MessageBudget;
    expect(() => new Server({ messageBudget: not })).toThrow("messageBudget must be a MessageBudget");
    expect(() => new Channel("127.0.0.1:1", { messageBudget: not })).toThrow("messageBudget must be a MessageBudget");
  });
});
