/** The token of a command: read anew, kept while its file is gone, and told of before it ends. Times are virtual. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { VirtualClock } from "@trunkline/base/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { turns, until } from "../../base/test/support/waiting.js";
import { rejection } from "../../router/test/support/router.js";
import type { Output, OutputEvent } from "../src/output.js";
import { type TokenPlace, TokenSource } from "../src/token-source.js";

const epochMs = 1_795_564_800_000;
const day = 86_400_000;

let folder: string;
let file: string;
let clock: VirtualClock;
let notes: { event: OutputEvent; text: string }[];
let source: TokenSource;

const make = (place: TokenPlace): TokenSource => {
  const output = { note: (_: string, event: OutputEvent, text: string) => notes.push({ event, text }) };
  source = new TokenSource(place, { clock, output: output as unknown as Output }, () => epochMs + clock.nowMs());
  return source;
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "trunkline-token-"));
  file = join(folder, "token");
  clock = new VirtualClock();
  notes = [];
});
afterEach(() => {
  source[Symbol.dispose]();
  rmSync(folder, { recursive: true });
  expect(clock.pending).toBe(0);
});

/** Returns a token that is issued now and lives so long. */
function token(lifetimeMs: number, id = "", issued = true): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const nowS = (epochMs + clock.nowMs()) / 1_000;
  return `${part({ id })}.${part({ exp: nowS + lifetimeMs / 1_000, ...(issued && { iat: nowS }) })}.secret`;
}

async function pass(ms: number, stepMs = 600_000): Promise<void> {
  for (let left = ms; left > 0; left -= stepMs) {
    clock.advance(Math.min(left, stepMs));
    await turns(20);
  }
}

/** Waits for so many words: the file is read before each. */
const told = (count: number): Promise<void> => until(() => notes.length === count, `${count} words about the token`);
const words = (): string[] => notes.map(({ text }) => text);

describe("a token that ends", () => {
  test("is told of once in the last tenth of its life, and once at its end, without a word of it", async () => {
    writeFileSync(file, token(600_000));
    await make({ file }).token();
    await pass(539_999);
    expect(notes).toEqual([]);
    await pass(1);
    await told(1);
    expect(words()).toEqual([`the token in ${file} expires in 1 min 0 s; put a new one into the file`]);
    expect(notes[0]?.event).toMatchObject({ event: "token-expires", in: file, expires: "2026-11-25T00:10:00.000Z" });
    await source.token();
    await pass(59_999);
    expect(notes).toHaveLength(1);
    await pass(1);
    await told(2);
    await pass(3_600_000);
    expect(words().slice(1)).toEqual([`the token in ${file} has expired; put a new one into the file`]);
    expect(JSON.stringify(notes)).not.toContain("secret");
  });

  test("is told of a day before where it lives for long", async () => {
    writeFileSync(file, token(100 * day));
    await make({ file }).token();
    await pass(99 * day - 1, day);
    expect(notes).toEqual([]);
    await pass(1);
    await told(1);
  });

  test("is told of at once where it is about to end, and not where it has: the router says that", async () => {
    await make({ variable: "TRUNKLINE_TOKEN", value: token(0, "", false) }).token();
    await pass(3_600_000);
    expect(notes).toEqual([]);
    const early = token(600_000);
    clock.advance(550_000);
    await make({ variable: "TRUNKLINE_TOKEN", value: early }).token();
    await pass(1);
    await told(1);
    expect(words()).toEqual(["the token in TRUNKLINE_TOKEN expires in 50.0 s; start again with a new one"]);
  });

  test("is not told of where a new one is in the file in time, which has its own end", async () => {
    writeFileSync(file, token(600_000));
    await make({ file }).token();
    await pass(300_000);
    writeFileSync(file, token(1_200_000, "new"));
    await pass(1_079_999);
    expect(notes).toEqual([]);
    await pass(1);
    await told(1);
  });

  test("is read anew for each use", async () => {
    writeFileSync(file, `${token(600_000, "a")}\n`);
    const first = await make({ file }).token();
    writeFileSync(file, token(600_000, "b"));
    expect(await source.token()).not.toBe(first);
  });
});

describe("a file without a token", () => {
  test("is told of once while it is gone, and the last token stays", async () => {
    const given = token(600_000);
    writeFileSync(file, given);
    await make({ file }).token();
    rmSync(file);
    for (let use = 0; use < 3; use += 1) expect(await source.token()).toBe(given);
    expect(words()).toEqual([`cannot read the token file ${file}: there is no such file; the last one stays`]);
    writeFileSync(file, given);
    await source.token();
    writeFileSync(file, "two words");
    expect(await source.token()).toBe(given);
    expect(words()[1]).toContain("holds no token");
  });

  test("is an error where there was none before", async () => {
    expect((await rejection(make({ file }).token())).message).toContain("there is no such file");
    writeFileSync(file, "");
    expect((await rejection(source.token())).message).toContain("is empty");
  });

  test("may have a token that nobody can read, of which nothing is told", async () => {
    writeFileSync(file, "opaque");
    expect(await make({ file }).token()).toBe("opaque");
    await pass(day, 3_600_000);
    expect(notes).toEqual([]);
  });
});
