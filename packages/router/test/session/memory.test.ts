import { expect, it } from "vitest";
import { MemoryPool } from "../../src/session/memory.js";

it("memory is reserved up to the limit, and taken past it", () => {
  const pool = new MemoryPool(100);
  expect(pool.reserve(101)).toBe(false);
  expect(pool.reserve(99)).toBe(true);
  expect(pool.hasRoom).toBe(true);
  expect(pool.reserve(2)).toBe(false);
  expect(pool.reserve(1)).toBe(true);
  expect(pool.hasRoom).toBe(false);
  pool.take(50);
  pool.giveBack(50);
  expect(pool.hasRoom).toBe(false);
  pool.giveBack(1);
  expect(pool.hasRoom).toBe(true);
});

it("those who wait for memory are told once, when there is room, unless they are forgotten", () => {
  const pool = new MemoryPool(100);
  pool.take(110);
  const told: string[] = [];
  const forgotten = (): void => void told.push("forgotten");
  pool.onRoom(() => told.push("waiting"));
  pool.onRoom(forgotten);
  pool.forget(forgotten);
  pool.giveBack(10);
  expect(told).toEqual([]);
  pool.giveBack(1);
  pool.giveBack(1);
  expect(told).toEqual(["waiting"]);
});
