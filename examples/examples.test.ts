/** Every example runs as its reader would run it, and prints what its last lines say. */
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";

const folder = fileURLToPath(new URL(".", import.meta.url));
const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".mjs"));

/** The lines after `// Prints:`, or after `// Prints, in any order:`. */
function expectation(file: string): { lines: string[]; inOrder: boolean } {
  const match = /^\/\/ Prints(, in any order)?:\n((?:\/\/ .*\n)+)$/m.exec(readFileSync(folder + file, "utf8"));
  if (match === null) throw new Error(`${file} does not end with what it prints`);
  const lines = (match[2] as string).trimEnd().split("\n");
  return { lines: lines.map((line) => line.slice(3)), inOrder: match[1] === undefined };
}

describe.concurrent("the example", () => {
  it.each(files.sort())("%s prints what it says", async (file) => {
    const { lines, inOrder } = expectation(file);
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [file], { cwd: folder, timeout: 15_000 });
    expect(stderr).toBe("");
    const printed = stdout.trimEnd().split("\n");
    expect(inOrder ? printed : printed.sort()).toEqual(inOrder ? lines : lines.sort());
  });
});
