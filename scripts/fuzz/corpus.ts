/** The inputs that were worth keeping: one file a target, one input a line in base64, so that a change shows as lines. */
import { Buffer } from "node:buffer";
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

function path(target: string): string {
  return fileURLToPath(new URL(`corpus/${target}.txt`, import.meta.url));
}

export function loadCorpus(target: string): Uint8Array[] {
  if (!existsSync(path(target))) return [];
  const lines = readFileSync(path(target), "utf8").split("\n");
  return lines.filter((line) => line !== "").map((line) => new Uint8Array(Buffer.from(line, "base64")));
}

export function addToCorpus(target: string, input: Uint8Array): void {
  appendFileSync(path(target), `${Buffer.from(input).toString("base64")}\n`);
}

export function saveCorpus(target: string, inputs: readonly Uint8Array[]): void {
  writeFileSync(path(target), inputs.map((input) => `${Buffer.from(input).toString("base64")}\n`).join(""));
}
