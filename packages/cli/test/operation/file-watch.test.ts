/** Files that change while a router runs, with the certificate as the example: two files that belong together. */
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { VirtualClock } from "@trunkline/streams/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { certificateFiles } from "../../src/certificates.js";
import { type FileSource, FileWatch, loadFiles, lookAgainMs, watchFiles } from "../../src/operation/file-watch.js";

const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));

let folder: string;
let files: { tlsCert: string; tlsKey: string };
let clock: VirtualClock;
let events: string[];
let watch: Disposable;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "trunkline-certificate-"));
  files = { tlsCert: join(folder, "cert.pem"), tlsKey: join(folder, "key.pem") };
  copyFileSync(fixture("localhost.cert.pem"), files.tlsCert);
  copyFileSync(fixture("localhost.key.pem"), files.tlsKey);
  clock = new VirtualClock();
  events = [];
  const source = certificateFiles(files);
  if (source === undefined) throw new Error("both files are named");
  watch = new FileWatch(await loadFiles(source), {
    clock,
    onChanged: ({ cert }) => events.push(`changed: ${String(cert).length}`),
    onUnusable: ({ message }) => events.push(message),
  });
});
afterEach(() => {
  watch[Symbol.dispose]();
  rmSync(folder, { recursive: true });
});

/** Lets the watch look so many times, and waits until it has. */
async function look(count = 1): Promise<void> {
  for (let left = count; left > 0; left -= 1) {
    clock.advance(lookAgainMs);
    while (clock.pending === 0) await new Promise(setImmediate);
  }
}

test("files that stay the same change nothing, and those that are replaced are taken once", async () => {
  await look(2);
  expect(events).toEqual([]);
  const renewed = `${readFileSync(files.tlsCert, "utf8")}\n`;
  writeFileSync(files.tlsCert, renewed);
  await look();
  expect(events).toEqual([]);
  await look(2);
  expect(events).toEqual([`changed: ${renewed.length}`]);
});

test("a file that is being written is taken when it has stayed the same for two looks", async () => {
  const whole = `${readFileSync(files.tlsCert, "utf8")}\n`;
  for (const more of ["\n", "\n\n", "\n\n\n"]) {
    writeFileSync(files.tlsCert, `${whole}${more}`);
    await look();
  }
  expect(events).toEqual([]);
  await look();
  expect(events).toEqual([`changed: ${whole.length + 3}`]);
});

test("a change that is taken back before the second look changes nothing", async () => {
  const before = readFileSync(files.tlsCert);
  writeFileSync(files.tlsCert, "no certificate");
  await look();
  writeFileSync(files.tlsCert, before);
  await look(3);
  expect(events).toEqual([]);
});

test("files that cannot be used are told of at the second look, once, and taken when they can be", async () => {
  const good = readFileSync(files.tlsKey, "utf8");
  writeFileSync(files.tlsKey, "no key");
  await look();
  expect(events).toEqual([]);
  await look(3);
  expect(events).toHaveLength(1);
  expect(events[0]).toContain(`--tls-key ${files.tlsKey} holds no private key in PEM`);
  rmSync(files.tlsCert);
  await look(3);
  expect(events).toHaveLength(2);
  expect(events[1]).toContain(`cannot read the certificate in ${files.tlsCert}: there is no such file`);
  writeFileSync(files.tlsCert, `${readFileSync(fixture("localhost.cert.pem"), "utf8")}\n`);
  writeFileSync(files.tlsKey, good);
  await look(2);
  expect(events).toHaveLength(3);
  expect(events[2]).toMatch(/^changed: /);
});

test("an error of the one who takes the value is told of as well", async () => {
  let content = "one";
  const source: FileSource<string> = {
    paths: [],
    read: async () => [Buffer.from(content)],
    parse: ([only]) => String(only),
  };
  watch[Symbol.dispose]();
  watch = new FileWatch(await loadFiles(source), {
    clock,
    onChanged() {
      throw new Error("there is no room for it");
    },
    onUnusable: ({ message }) => events.push(message),
  });
  content = "two";
  await look(4);
  expect(events).toEqual(["there is no room for it"]);
});

test("a pipe is not watched: its content is there only once", async () => {
  const callbacks = { clock, onChanged() {}, onUnusable() {} };
  const source = (path: string): FileSource<number> => {
    return { paths: [path], read: async () => [Buffer.from("x")], parse: () => 1 };
  };
  expect(await watchFiles(await loadFiles(source("/dev/null")), callbacks)).toBeUndefined();
  const watched = await watchFiles(await loadFiles(source(files.tlsCert)), callbacks);
  expect(watched).toBeDefined();
  watched?.[Symbol.dispose]();
});

test("after its disposal it looks no more", () => {
  watch[Symbol.dispose]();
  expect(clock.pending).toBe(0);
});
