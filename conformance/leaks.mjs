/**
 * Measures what is left after very many calls, streams, connections and channels, half of which were cancelled, failed
 * or dropped: heap and open handles must be back where they were.
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { Cases } from "./lib/cases.mjs";
import { excerpt, runToEnd } from "./lib/child.mjs";

const program = fileURLToPath(new URL("leaks/process.mjs", import.meta.url));

/**
 * The difference that compiled code, bounded caches and the timing of the collector may make. Two bytes a call would be
 * more.
 */
const toleratedBytes = 2 * 2 ** 20;
const timeoutMs = 240_000;

const scenarios = [
  {
    name: "unary",
    count: 1_000_000,
    warmUp: 200_000,
    title: "1,000,000 unary calls, half of them cancelled or failed",
  },
  { name: "streams", count: 100_000, warmUp: 100_000, title: "100,000 streams, half of them cancelled or failed" },
  { name: "connections", count: 10_000, warmUp: 2_000, title: "10,000 connections opened and dropped" },
  { name: "forgotten", count: 1_000, warmUp: 100, title: "1,000 channels made and forgotten", connections: 0 },
];

/** @returns {Promise<{ passed: number, failed: number }>} */
export async function run() {
  const cases = new Cases();
  for (const { name, count, warmUp, title, connections } of scenarios) {
    const result = await runToEnd(process.execPath, ["--expose-gc", program, name, String(count), String(warmUp)], {
      timeoutMs,
    });
    const report = result.code === 0 ? JSON.parse(result.stdout.toString()) : undefined;
    await cases.run(`${title}: all end as they should`, () => assert.ok(report !== undefined, excerpt(result)));
    if (report === undefined) continue;
    const { before, after, tookMs, left } = report;
    const grownBytes = after.heapBytes - before.heapBytes;
    console.log(`        ${tookMs} ms; heap ${before.heapBytes} bytes before, ${after.heapBytes} after`);
    await cases.run(`${title}: the heap is back where it was`, () =>
      assert.ok(grownBytes < toleratedBytes, `it has grown by ${grownBytes} bytes, tolerated are ${toleratedBytes}`),
    );
    await cases.run(`${title}: the open handles are back where they were`, () =>
      assert.deepEqual(after.handles, before.handles),
    );
    if (connections === undefined) continue;
    await cases.run(`${title}: all are collected`, () =>
      assert.equal(left, 0, `${left} channels and clients are left`),
    );
    await cases.run(`${title}: all their connections are closed`, () => assert.equal(report.connections, connections));
  }
  return cases.counts;
}
