/** Certificates of a router that are renewed while it runs. */
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { VirtualClock } from "@trunkline/streams/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { CertificateWatch, lookAgainMs } from "../../src/operation/certificate-watch.js";
import { readTls } from "../../src/router-setup.js";

const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));

let folder: string;
let files: { tlsCert: string; tlsKey: string };
let clock: VirtualClock;
let events: string[];
let watch: CertificateWatch;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "trunkline-certificate-"));
  files = { tlsCert: join(folder, "cert.pem"), tlsKey: join(folder, "key.pem") };
  copyFileSync(fixture("localhost.cert.pem"), files.tlsCert);
  copyFileSync(fixture("localhost.key.pem"), files.tlsKey);
  clock = new VirtualClock();
  events = [];
  watch = new CertificateWatch(files, (await readTls(files)) ?? {}, {
    clock,
    onChanged: ({ cert }) => events.push(`changed: ${String(cert).length}`),
    onUnusable: ({ message }) => events.push(message),
  });
});
afterEach(() => {
  watch[Symbol.dispose]();
  rmSync(folder, { recursive: true });
});

/** Lets the watch look once, and waits until it has. */
async function look(): Promise<void> {
  clock.advance(lookAgainMs);
  while (clock.pending === 0) await new Promise(setImmediate);
}

test("files that stay the same change nothing, and those that are replaced are taken once", async () => {
  await look();
  expect(events).toEqual([]);
  const renewed = `${readFileSync(files.tlsCert, "utf8")}\n`;
  writeFileSync(files.tlsCert, renewed);
  await look();
  await look();
  expect(events).toEqual([`changed: ${renewed.length}`]);
});

test("files that cannot be used are told of at the second look, once, and taken when they can be", async () => {
  const good = readFileSync(files.tlsKey, "utf8");
  writeFileSync(files.tlsKey, "no key");
  await look();
  expect(events).toEqual([]);
  await look();
  await look();
  expect(events).toHaveLength(1);
  expect(events[0]).toContain(`cannot use the certificate in ${files.tlsCert} with the key in ${files.tlsKey}`);
  rmSync(files.tlsCert);
  await look();
  expect(events[1]).toContain(`cannot read the certificate in ${files.tlsCert}: there is no such file`);
  writeFileSync(files.tlsCert, `${readFileSync(fixture("localhost.cert.pem"), "utf8")}\n`);
  writeFileSync(files.tlsKey, good);
  await look();
  expect(events).toHaveLength(3);
  expect(events[2]).toMatch(/^changed: /);
});

test("after its disposal it looks no more", () => {
  watch[Symbol.dispose]();
  expect(clock.pending).toBe(0);
});
