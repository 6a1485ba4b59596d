/** Every example runs as its reader would run it, and prints what its last lines say. */
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const folder = fileURLToPath(new URL(".", import.meta.url));
const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => /\.(?:mjs|sh)$/.test(file));

/** Returns the lines after `Prints:`, or after `Prints, in any order:`, in the comment at the end of the file. */
function expectation(file: string): { lines: string[]; inOrder: boolean } {
  const match = /^(?:\/\/|#) Prints(, in any order)?:\n((?:(?:\/\/|#) .*\n)+)$/m.exec(
    readFileSync(folder + file, "utf8"),
  );
  if (match === null) throw new Error(`${file} does not end with what it prints`);
  const lines = (match[2] as string).trimEnd().split("\n");
  return { lines: lines.map((line) => line.replace(/^(?:\/\/|#) /, "")), inOrder: match[1] === undefined };
}

/** The folder that holds the command `trunkline` for scripts, as npm installs it for users. */
let binaries: string;
beforeAll(() => {
  binaries = mkdtempSync(join(tmpdir(), "trunkline-bin-"));
  const main = join(folder, "../packages/cli/dist/main.js");
  writeFileSync(join(binaries, "trunkline"), `#!/bin/sh\nexec "${process.execPath}" "${main}" "$@"\n`, { mode: 0o755 });
});
afterAll(() => rmSync(binaries, { recursive: true }));

/** Runs the file: a program with this Node, a script with `trunkline` in its PATH. */
function run(file: string): Promise<{ stdout: string; stderr: string }> {
  const env = { ...process.env, PATH: `${binaries}${delimiter}${process.env["PATH"] ?? ""}` };
  const [command, args] = file.endsWith(".sh") ? ["bash", [file]] : [process.execPath, [file]];
  // An example takes well under a second by itself; a minute is for machines that do much else.
  return promisify(execFile)(command, args, { cwd: folder, env, timeout: 60_000 });
}

describe.concurrent("the example", () => {
  it.each(files.sort())(
    "%s prints what it says",
    async (file) => {
      const { lines, inOrder } = expectation(file);
      const { stdout, stderr } = await run(file);
      expect(stderr).toBe("");
      const printed = stdout.trimEnd().split("\n");
      expect(inOrder ? printed : printed.sort()).toEqual(inOrder ? lines : lines.sort());
    },
    70_000,
  );
});
