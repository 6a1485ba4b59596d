/**
 * The examples of documentation pages: every block marked `ts` or `js` is a module of its own, which prints what its
 * comments say.
 */
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { format } from "node:util";

export interface DocExample {
  /** The page and the line, such as `text.md:12`. */
  readonly title: string;
  readonly code: string;
  /** The lines that it has to print: the comments `// → …`, in order. */
  readonly expected: readonly string[];
}

/** The examples of all pages in a folder. */
export async function examplesIn(folder: URL): Promise<DocExample[]> {
  const pages = (await readdir(folder)).filter((name) => name.endsWith(".md")).sort();
  const found = await Promise.all(
    pages.map(async (page) => examplesOf(page, await readFile(new URL(page, folder), "utf8"))),
  );
  return found.flat();
}

function examplesOf(page: string, text: string): DocExample[] {
  return Array.from(text.matchAll(/^```(?:ts|js)\n(.*?)^```$/gms), (match) => {
    const code = match[1] as string;
    const line = text.slice(0, match.index).split("\n").length;
    return {
      title: `${page}:${line}`,
      code,
      expected: Array.from(code.matchAll(/\/\/ → (.*)$/gm), ([, printed]) => printed as string),
    };
  });
}

/** Runs an example beside the tests, where its imports are found, and gives the lines that it prints. */
export async function printedBy({ code }: DocExample): Promise<string[]> {
  const folder = await mkdtemp(fileURLToPath(new URL("../.example-", import.meta.url)));
  const printed: string[] = [];
  const { log } = console;
  console.log = (...values: unknown[]) => {
    printed.push(format(...values));
  };
  try {
    await writeFile(`${folder}/example.ts`, code);
    await import(/* @vite-ignore */ `${folder}/example.ts`);
    return printed;
  } finally {
    console.log = log;
    await rm(folder, { recursive: true });
  }
}
