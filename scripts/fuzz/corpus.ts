/**
 * The inputs that were worth keeping: one file a target, one input a line in base64, so that a change shows as lines.
 */
import { Buffer } from "node:buffer";
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

function path(file: string): string {
  return fileURLToPath(new URL(`corpus/${file}.txt`, import.meta.url));
}

/** Input that once broke the target has a file of its own, which is only added to. */
function failures(target: string): string {
  return path(`${target}-failures`);
}

export function loadCorpus(target: string): Uint8Array[] {
  return [...load(failures(target)), ...load(path(target))];
}

function load(file: string): Uint8Array[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, "utf8").split("\n");
  return lines.filter((line) => line !== "").map((line) => new Uint8Array(Buffer.from(line, "base64")));
}

export function addFailure(target: string, input: Uint8Array): void {
  appendFileSync(failures(target), line(input));
}

/** Takes the place of what showed behaviour before. */
export function saveCorpus(target: string, inputs: readonly Uint8Array[]): void {
  writeFileSync(path(target), inputs.map(line).join(""));
}

function line(input: Uint8Array): string {
  return `${Buffer.from(input).toString("base64")}\n`;
}
