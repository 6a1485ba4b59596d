import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { afterEach, expect, it, vi } from "vitest";
import { Cleanup, serve } from "./support/sockets.js";

const cleanup = new Cleanup();
afterEach(async () => {
  vi.restoreAllMocks();
  await cleanup.run();
});

/** Runs the README's example against a server whose answers it gives, and what it prints. */
async function printed(fields: [string, string][], body: string, trailers: boolean): Promise<unknown[][]> {
  const { target } = await serve("tcp", cleanup, async (stream) => {
    stream.sendHeaders(
      fields.map(([name, value]) => ({ name, value })),
      body === "",
    );
    if (body !== "") await stream.send(Buffer.from(body), !trailers);
    if (trailers) stream.sendHeaders([{ name: "x-end", value: "1" }], true);
  });
  const readme = await readFile(new URL("../README.md", import.meta.url), "utf8");
  const example = /^```ts\n(.*?)^```$/ms.exec(readme)?.[1] as string;
  expect(example).toContain("port: 8080");
  const folder = await mkdtemp(fileURLToPath(new URL("./.example-", import.meta.url)));
  cleanup.add(() => rm(folder, { recursive: true }));
  const port = "port" in target ? target.port : 0;
  await writeFile(`${folder}/example.ts`, example.replace("port: 8080", `port: ${port}`));
  const lines: unknown[][] = [];
  vi.spyOn(console, "log").mockImplementation((...values) => void lines.push(values));
  await import(/* @vite-ignore */ `${folder}/example.ts`);
  return lines;
}

it.each([
  ["a body", "hello", false, [["hello"]]],
  ["a body and trailers", "hello", true, [["hello"]]],
  ["headers alone", "", false, []],
] as const)("the README's example works with an answer of %s, and ends", async (_, body, trailers, lines) => {
  expect(await printed([[":status", "200"]], body, trailers)).toEqual([
    ["GET /", "200"],
    ...lines,
    ["closed:", "in order"],
  ]);
});
