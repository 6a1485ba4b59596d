/** One run: the processes of one subject started, one scenario measured, everything ended. */
import { fileURLToPath } from "node:url";
import { Child } from "./child.mjs";

/** What starting, connecting and draining may take beyond warm-up and window. */
const overheadLimitMs = 20_000;
/** Between the last set-up and the look at the memory: what set-ups left behind is gone. */
const settleMs = 500;

const nodeCommand = [process.execPath, fileURLToPath(new URL("../child.mjs", import.meta.url))];

/**
 * @param {import("../subjects/catalog.mjs").SubjectEntry & { program?: string }} subject
 * @param {import("../types.d.ts").Scenario} scenario
 * @param {{ warmUpMs: number, windowMs: number }} timing
 * @returns {Promise<number>} in the scenario's unit
 */
export async function run(subject, scenario, { warmUpMs, windowMs }) {
  const command = subject.program === undefined ? nodeCommand : [subject.program];
  const limitMs = warmUpMs + windowMs + overheadLimitMs;
  /** @type {Child[]} */
  const children = [];
  /** @type {Record<string, number>} */
  const ports = {};
  /** @param {import("../types.d.ts").Task["role"]} role */
  const start = (role) => {
    const child = new Child(command, { subject: subject.name, role, ports, scenario: scenario.name, warmUpMs, windowMs, limitMs });
    children.push(child);
    return child;
  };
  try {
    /** @type {Child | undefined} */
    let measured;
    for (const role of subject.processes) {
      const child = start(role);
      ports[role] = (await child.next()).port;
      if (typeof scenario.level === "object" && role === scenario.level.memoryOf) measured = child;
    }
    if (measured) return (await idleBytes(measured, () => start("client"))) / scenario.perUnit;
    const { amount, elapsedMs } = await start("client").next();
    if (scenario.level) return amount / scenario.perUnit;
    return amount / (elapsedMs / 1_000) / scenario.perUnit;
  } finally {
    await Promise.all(children.reverse().map((child) => child.stop()));
  }
}

/**
 * @param {Child} measured
 * @param {() => Child} startClient
 */
async function idleBytes(measured, startClient) {
  const before = await measured.ask("memory");
  await startClient().next();
  await new Promise((resolve) => setTimeout(resolve, settleMs));
  const after = await measured.ask("memory");
  return after.residentBytes - before.residentBytes;
}
