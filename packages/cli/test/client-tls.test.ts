/** The certificates of a command are read for each connection, since they may be renewed. */
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { rejection } from "../../router/test/support/router.js";
import { clientTls } from "../src/client-tls.js";
import type { Output, OutputEvent } from "../src/output.js";

const pem = (name: string): URL => new URL(`../../h2/test/fixtures/tls/${name}.pem`, import.meta.url);

let folder: string;
let files: { tlsCa: string; tlsCert: string; tlsKey: string };
let notes: { event: OutputEvent; text: string }[];
const output = {
  note: (_: string, event: OutputEvent, text: string) => notes.push({ event, text }),
} as unknown as Output;

function use(name: string): void {
  copyFileSync(pem(name), files.tlsCert);
  copyFileSync(pem(`${name}-key`), files.tlsKey);
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "trunkline-client-tls-"));
  files = { tlsCa: join(folder, "ca.pem"), tlsCert: join(folder, "cert.pem"), tlsKey: join(folder, "key.pem") };
  notes = [];
  copyFileSync(pem("authority"), files.tlsCa);
  use("client");
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("the TLS of a command", () => {
  test("has what is in its files at each connection", async () => {
    const tls = await clientTls(files, { output });
    expect(await tls?.()).toEqual({
      ca: readFileSync(pem("authority")),
      cert: readFileSync(pem("client")),
      key: readFileSync(pem("client-key")),
    });
    use("renewed");
    expect(await tls?.()).toMatchObject({ cert: readFileSync(pem("renewed")), key: readFileSync(pem("renewed-key")) });
    expect(notes).toEqual([]);
  });

  test("keeps what it had while a file cannot be used, and says so once", async () => {
    const tls = await clientTls(files, { output });
    copyFileSync(pem("renewed"), files.tlsCert); // without its key
    for (let connection = 0; connection < 3; connection += 1)
      expect(await tls?.()).toMatchObject({ cert: readFileSync(pem("client")) });
    expect(notes.map(({ event }) => event["event"])).toEqual(["certificate-unusable"]);
    expect(notes[0]?.text).toMatch(/^--tls-key .* is not the key of --tls-cert .*; the last one stays$/);
    use("renewed");
    expect(await tls?.()).toMatchObject({ cert: readFileSync(pem("renewed")) });
    rmSync(files.tlsCa);
    await tls?.();
    expect(notes).toHaveLength(2);
  });

  test("is the default where no file is named, and an error where one cannot be used at the start", async () => {
    expect(await clientTls({}, { output })).toBeUndefined();
    writeFileSync(files.tlsKey, "no key");
    expect((await rejection(clientTls(files, { output }))).message).toBe(
      `--tls-key ${files.tlsKey} holds no private key in PEM`,
    );
    expect((await rejection(clientTls({ tlsCert: files.tlsCert }, { output }))).message).toBe(
      "--tls-cert and --tls-key go together",
    );
    expect((await rejection(clientTls({ tlsCa: files.tlsCa, plaintext: true }, { output }))).message).toContain(
      "--tls-ca and --plaintext exclude each other",
    );
  });
});
