/**
 * A neighbour of an attacker: a process with a connection of its own that calls the victim every 10 ms, and tells how
 * long its longest call took. Usage: `node neighbour.mjs VICTIM`, where VICTIM is JSON. Prints `ready`; for each line
 * on stdin, a number of milliseconds, it calls for so long and prints its longest wait.
 */
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { clientOf } from "./well-behaved.mjs";

const everyMs = 10;
const client = await clientOf(JSON.parse(process.argv[2] ?? "{}"));
for (let turn = 0; turn < 200; turn++) await client.serves();
console.log("ready");
for await (const line of createInterface({ input: process.stdin })) {
  const endMs = performance.now() + Number(line);
  let longestMs = 0;
  let calls = 0;
  let problem;
  while (performance.now() < endMs && problem === undefined) {
    const startedMs = performance.now();
    await client.serves().catch((error) => {
      problem = String(error);
    });
    const tookMs = performance.now() - startedMs;
    longestMs = Math.max(longestMs, tookMs);
    calls += 1;
    await sleep(Math.max(0, everyMs - tookMs));
  }
  console.log(JSON.stringify({ longestMs, calls, problem }));
}
process.exit(0);
