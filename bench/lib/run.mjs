/** One run: the processes of one subject started, one scenario measured, everything ended. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Child } from "./child.mjs";

/** The time that starting, connecting and draining may take beyond warm-up and window. */
const overheadLimitMs = 20_000;
/** The pause between the last set-up and the look at the memory, in which the remains of set-ups are collected. */
const settleMs = 500;

const nodeProgram = fileURLToPath(new URL("../child.mjs", import.meta.url));

/** @typedef {import("../subjects/catalog.mjs").SubjectEntry} SubjectEntry */

/**
 * Starts the processes of one subject, measures one scenario, and ends the processes.
 * @param {SubjectEntry & { program?: string, child?: string | undefined }} subject with `program` if it is built, and
 * with `child` if another checkout's child.mjs runs it, or that beside the published packages
 * @param {import("../types.d.ts").Scenario} scenario
 * @param {{ warmUpMs: number, windowMs: number }} timing
 * @returns {Promise<{ value: number, cpuMicros?: number }>} in the scenario's unit; and for rates what all processes
 * together needed of the processors for one unit, or for 1 KB of a rate in MB, where the system tells
 */
export async function run(subject, scenario, { warmUpMs, windowMs }) {
  const command =
    subject.program === undefined
      ? [process.execPath, ...(scenario.nodeFlags ?? []), subject.child ?? nodeProgram]
      : [subject.program];
  const limitMs = warmUpMs + windowMs + overheadLimitMs;
  /** @type {Child[]} */
  const children = [];
  /** @type {Record<string, number>} */
  const ports = {};
  /** @param {import("../types.d.ts").Task["role"]} role */
  const start = (role) => {
    const child = new Child(command, {
      subject: subject.name,
      role,
      ports,
      scenario: scenario.name,
      warmUpMs,
      windowMs,
      limitMs,
    });
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
    if (measured) return { value: (await idleBytes(measured, () => start("client"))) / scenario.perUnit };
    const client = start("client");
    if (scenario.level) return { value: (await client.next()).amount / scenario.perUnit };
    await client.next(); // warm
    const cpuBefore = cpuMicros(children);
    const { amount, elapsedMs } = await client.next();
    const cpuAfter = cpuMicros(children);
    const value = amount / (elapsedMs / 1_000) / scenario.perUnit;
    if (cpuBefore === undefined || cpuAfter === undefined) return { value };
    return { value, cpuMicros: (cpuAfter - cpuBefore) / (amount / cpuUnit(scenario)) };
  } finally {
    await Promise.all(children.reverse().map((child) => child.stop()));
  }
}

/**
 * Returns the amount to which the processor times of a rate refer: a call, a message, 1 KB.
 * @param {import("../types.d.ts").Scenario} scenario
 */
export function cpuUnit({ perUnit }) {
  return perUnit === 1 ? 1 : 1_000;
}

/** A tick of the system's accounting of processor time: Linux says hundredths of a second to programs everywhere. */
const tickMicros = 10_000;

/**
 * User and system time of the processes until now; undefined where there is no /proc.
 * @param {readonly Child[]} children
 */
function cpuMicros(children) {
  try {
    let ticks = 0;
    for (const { pid } of children) {
      // Behind the name, which may hold anything: state is the first field, utime the twelfth, stime the thirteenth.
      const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
      ticks += Number(fields[11]) + Number(fields[12]);
    }
    return Number.isNaN(ticks) ? undefined : ticks * tickMicros;
  } catch {
    return undefined;
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
