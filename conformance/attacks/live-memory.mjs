/**
 * The memory that a victim holds, apart from what V8 has not collected yet. A victim is started with `victimArguments`;
 * `heldBytes` then lets it collect garbage, and returns what is left.
 */
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const folderVariable = "TRUNKLINE_LIVE_MEMORY";
const given = process.env[folderVariable];

// In a victim, which loads this file before its program.
if (given !== undefined) {
  process.on("SIGUSR2", () => {
    const { gc } = /** @type {any} */ (globalThis);
    // The second time frees what finalizers have let go of.
    gc();
    gc();
    const { heapUsed, external } = process.memoryUsage();
    const file = join(given, String(process.pid));
    writeFileSync(`${file}.part`, String(heapUsed + external));
    renameSync(`${file}.part`, file);
  });
}

let folder;

/** The arguments of Node and the environment of a victim. */
export function victimArguments() {
  if (folder === undefined) {
    folder = mkdtempSync(join(tmpdir(), "live-memory-"));
    process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  }
  return { args: ["--expose-gc", "--import", import.meta.url], env: { [folderVariable]: folder } };
}

/** Returns the bytes that a victim holds. @param {number} pid */
export async function heldBytes(pid) {
  const file = join(folder, String(pid));
  rmSync(file, { force: true });
  process.kill(pid, "SIGUSR2");
  for (const endMs = performance.now() + 10_000; performance.now() < endMs; await sleep(10)) {
    try {
      return Number(readFileSync(file, "utf8"));
    } catch {
      // It is still at work.
    }
  }
  throw new Error("the victim has not told within 10 s what memory it holds");
}
