/** One run: the processes of one subject started, one scenario measured, everything ended. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Child } from "./child.mjs";

/** The time that starting, connecting and draining may take beyond warm-up and window. */
const overheadLimitMs = 20_000;
/** The time over a long way, where a runtime with small windows needs a while for all that it has accepted. */
const longWayLimitMs = 90_000;
/** The pause between the last set-up and the look at the memory, in which the remains of set-ups are collected. */
const settleMs = 500;

const delayProgram = fileURLToPath(new URL("../delay-relay.mjs", import.meta.url));
const nodeProgram = fileURLToPath(new URL("../child.mjs", import.meta.url));

/** @typedef {import("../subjects/catalog.mjs").SubjectEntry} SubjectEntry */
/** @typedef {import("../types.d.ts").Task["role"]} Role */

/**
 * The value in the scenario's unit; and for rates what all processes together, and each by itself, needed of the
 * processors for one unit, or for 1 KB of a rate in MB, where the system tells.
 * @typedef {{ value: number, cpuMicros?: number, cpuOf?: Partial<Record<Role, number>> }} RunResult
 */

/**
 * Starts the processes of one subject, measures one scenario, and ends the processes.
 * @param {SubjectEntry & { program?: string, child?: string | undefined }} subject with `program` if it is built, and
 * with `child` if another checkout's child.mjs runs it, or that beside the published packages
 * @param {import("../types.d.ts").Scenario} scenario
 * @param {{ warmUpMs: number, windowMs: number }} timing
 * @returns {Promise<RunResult>}
 */
export async function run(subject, scenario, { warmUpMs, windowMs }) {
  const command =
    subject.program === undefined
      ? [process.execPath, ...(scenario.nodeFlags ?? []), subject.child ?? nodeProgram]
      : [subject.program];
  const limitMs = warmUpMs + windowMs + (scenario.delayMs === undefined ? overheadLimitMs : longWayLimitMs);
  /** @type {Map<Role, Child>} */
  const children = new Map();
  /** @type {Child | undefined} */
  let relay;
  /** @type {Record<string, number>} */
  const ports = {};
  /** @param {Role} role */
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
    children.set(role, child);
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
    if (scenario.delayMs !== undefined) {
      const { delayMs } = scenario;
      relay = new Child([process.execPath, delayProgram], { port: ports.server ?? 0, delayMs, limitMs });
      ports.server = (await relay.next()).port;
    }
    const client = start("client");
    if (scenario.level) return { value: (await client.next()).amount / scenario.perUnit };
    await client.next(); // warm
    const cpuBefore = cpuMicros(children);
    const { amount, elapsedMs } = await client.next();
    const cpuAfter = cpuMicros(children);
    const value = amount / (elapsedMs / 1_000) / scenario.perUnit;
    if (cpuBefore === undefined || cpuAfter === undefined) return { value };
    /** @type {Partial<Record<Role, number>>} */
    const cpuOf = {};
    let sum = 0;
    for (const [role, micros] of cpuAfter) {
      const each = (micros - (cpuBefore.get(role) ?? 0)) / (amount / cpuUnit(scenario));
      cpuOf[role] = each;
      sum += each;
    }
    return { value, cpuMicros: sum, cpuOf };
  } finally {
    await Promise.all([...children.values()].reverse().map((child) => child.stop()));
    await relay?.stop();
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
 * User and system time of each process until now; undefined where there is no /proc.
 * @param {ReadonlyMap<Role, Child>} children
 * @returns {Map<Role, number> | undefined}
 */
function cpuMicros(children) {
  try {
    /** @type {Map<Role, number>} */
    const micros = new Map();
    for (const [role, { pid }] of children) {
      // Behind the name, which may hold anything: state is the first field, utime the twelfth, stime the thirteenth.
      const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
      micros.set(role, (Number(fields[11]) + Number(fields[12])) * tickMicros);
    }
    return [...micros.values()].some(Number.isNaN) ? undefined : micros;
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
