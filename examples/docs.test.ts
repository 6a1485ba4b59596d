/**
 * The pages under `packages/…/docs` are programs: the `js` parts of a page, in order, are one module. What it prints
 * stands in its comments: behind a `console.log(…);`, and in lines that begin with `// `. Pages run on the packages as
 * they are published, one after the other in one process, but for those that need one of their own.
 */
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { needsProcess, type Output, runOneByOne } from "../packages/base/test/support/programs.js";
import { publishedPackages } from "../packages/base/test/support/published.js";

const packages = fileURLToPath(new URL("../packages", import.meta.url));

const pages = readdirSync(packages).flatMap((name) => {
  const docs = join(packages, name, "docs");
  if (!existsSync(docs)) return [];
  return readdirSync(docs)
    .filter((file) => file.endsWith(".md"))
    .map((file) => join(name, "docs", file));
});

/** Returns the page's program; undefined where it has none. */
function programOf(page: string): string | undefined {
  const parts = [...readFileSync(join(packages, page), "utf8").matchAll(/^```js\n(.*?)^```$/gms)].map(
    ([, code]) => code as string,
  );
  return parts.length === 0 ? undefined : parts.join("\n");
}

/** Returns the lines that the program's comments say it prints. */
function expectedLines(program: string): string[] {
  return program.split("\n").flatMap((line) => {
    const comment = /^\/\/ (.*)$/.exec(line)?.[1] ?? /console\.log\(.*\);? \/\/ (.*)$/.exec(line)?.[1];
    return comment === undefined ? [] : [comment];
  });
}

const programs = pages.flatMap((page) => {
  const program = programOf(page);
  return program === undefined ? [] : [{ page, program }];
});

/** The copy of this folder beside the published packages. */
let folder: string;
/** The outputs of those that share a process, by their paths. */
let outputs: Promise<ReadonlyMap<string, Output>>;
const together = programs.filter(({ program }) => !needsProcess(program));
/** Returns the path of a program in that folder, from which its imports are found. */
const pathOf = (page: string): string => join(folder, `.${process.pid}-${page.replace(/\W/g, "-")}.mjs`);
beforeAll(async () => {
  folder = join(await publishedPackages(), "examples");
  for (const { page, program } of together) writeFileSync(pathOf(page), program);
  outputs = runOneByOne(
    together.map(({ page }) => pathOf(page)),
    folder,
  );
}, 120_000);
afterAll(() => {
  for (const { page } of together) rmSync(pathOf(page));
});

/** Runs it as a module in that folder. It takes less than a second; five minutes are for machines that do much else. */
function run(program: string): Promise<Output> {
  const child = spawn(process.execPath, ["--input-type=module"], { cwd: folder, timeout: 300_000 });
  const output = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output.stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    output.stderr += text;
  });
  child.stdin.end(program);
  return new Promise((resolve) => child.on("close", () => resolve(output)));
}

describe.concurrent("the page", () => {
  it.each(programs)(
    "$page prints what its comments say",
    async ({ page, program }) => {
      const output = needsProcess(program) ? run(program) : outputs.then((all) => all.get(pathOf(page)) as Output);
      const { stdout, stderr } = await output;
      expect(stderr).toBe("");
      expect(stdout.trimEnd().split("\n")).toEqual(expectedLines(program));
    },
    310_000,
  );
});
