/**
 * Every example runs on the packages as they are published, and prints what it says. Scripts, and those that need a
 * process of their own, run as their readers would run them; the others one after the other in one process.
 */
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { needsProcess, type Output, runOneByOne } from "../packages/base/test/support/programs.js";
import { publishedCommand, publishedPackages } from "../packages/base/test/support/published.js";

const folder = fileURLToPath(new URL(".", import.meta.url));
const files = readdirSync(folder, { recursive: true, encoding: "utf8" })
  .filter((file) => /\.(?:mjs|sh)$/.test(file))
  .sort();
const together = files.filter((file) => file.endsWith(".mjs") && !needsProcess(readFileSync(folder + file, "utf8")));

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
/** The copy of this folder beside the published packages. */
let copy: string;
/** The outputs of those that share a process, by their paths. */
let outputs: Promise<ReadonlyMap<string, Output>>;
beforeAll(async () => {
  copy = join(await publishedPackages(), "examples");
  const main = await publishedCommand();
  binaries = mkdtempSync(join(tmpdir(), "trunkline-bin-"));
  writeFileSync(join(binaries, "trunkline"), `#!/bin/sh\nexec "${process.execPath}" "${main}" "$@"\n`, { mode: 0o755 });
  outputs = runOneByOne(
    together.map((file) => join(copy, file)),
    copy,
  );
}, 120_000);
afterAll(() => rmSync(binaries, { recursive: true }));

/** Runs the file: a program with this Node, a script with `trunkline` in its PATH. */
async function run(file: string): Promise<Output> {
  if (together.includes(file)) return (await outputs).get(join(copy, file)) as Output;
  const env = { ...process.env, PATH: `${binaries}${delimiter}${process.env["PATH"] ?? ""}` };
  const [command, args] = file.endsWith(".sh") ? ["bash", [file]] : [process.execPath, [file]];
  // An example takes well under a second by itself; five minutes are for machines that do much else.
  return promisify(execFile)(command, args, { cwd: copy, env, timeout: 300_000 });
}

describe.concurrent("the example", () => {
  it.each(files)(
    "%s prints what it says",
    async (file) => {
      const { lines, inOrder } = expectation(file);
      const { stdout, stderr } = await run(file);
      expect(stderr).toBe("");
      const printed = stdout.trimEnd().split("\n");
      expect(inOrder ? printed : printed.sort()).toEqual(inOrder ? lines : lines.sort());
    },
    310_000,
  );
});
