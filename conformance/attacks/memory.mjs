/** Measures the memory of a process as Linux counts it: pages that are resident now, and the most there were. */
import { readFileSync, writeFileSync } from "node:fs";
import { JudgeMissing } from "../lib/outcome.mjs";

const kib = 1_024;

/** @returns {{ nowBytes: number, mostBytes: number }} */
export function residentMemory(pid) {
  let status;
  try {
    status = readFileSync(`/proc/${pid}/status`, "utf8");
  } catch (cause) {
    throw new JudgeMissing("the memory of a process is read from /proc, which is not there", { cause });
  }
  const bytesOf = (name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]) * kib;
  return { nowBytes: bytesOf("VmRSS"), mostBytes: bytesOf("VmHWM") };
}

/** The most there were is counted from now on. */
export function forgetPeak(pid) {
  writeFileSync(`/proc/${pid}/clear_refs`, "5");
}
