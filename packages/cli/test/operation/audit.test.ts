/** The audit file of `trunkline router --audit`. */
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RouterEvent } from "@trunkline/router";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Audit } from "../../src/operation/audit.js";
import { InProcessLab } from "../support/lab.js";
import { Client, startService } from "../support/services.js";

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "trunkline-audit-"));
  path = join(folder, "audit.jsonl");
});
afterEach(() => rmSync(folder, { recursive: true }));

const linesOf = (file: string): Record<string, unknown>[] =>
  readFileSync(file, "utf8")
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line));

const closed = (stream: string): Extract<RouterEvent, { kind: "closed" }> => ({
  kind: "closed",
  stream,
  cause: undefined,
  durationMs: 1.4,
  bytes: 3,
  peers: [
    { address: "a:1", role: "dial", bytes: 1, endedIt: false },
    { address: "b:2", role: "listen", bytes: 2, endedIt: false },
  ],
  operator: undefined,
});

describe("the audit of a router", () => {
  test("has a line for each stream: who, whom, how long, bytes each way, and who ended it", async () => {
    await using lab = new InProcessLab();
    const router = lab.start("router", "--listen", "127.0.0.1:0", "--grace", "0", "--audit", path);
    await router.event("listening");
    await using service = await startService((socket) => socket.pipe(socket));
    const expose = await lab.expose("echo", service.target);
    const { port } = await lab.connect("echo");
    const whole = new Client(port);
    whole.socket.end("four");
    await whole.over;
    await router.event("router-closed");
    const cut = new Client(port);
    cut.socket.write("four");
    await cut.receive(4);
    expose.kill("SIGTERM");
    await router.event("router-closed");
    expect(await router.end("SIGTERM")).toBe(0);
    const [first, second] = linesOf(path);
    expect(first).toMatchObject({ name: "echo", ended: "both sides ended", stream: expect.any(String) });
    expect(first).toHaveProperty("listener");
    expect(first).toHaveProperty("dialler");
    expect(first).not.toHaveProperty("endedBy");
    const peers = first?.["peers"] as { role: string; bytes: number; address: string }[];
    expect(peers.map(({ role }) => role).sort()).toEqual(["dial", "listen"]);
    for (const { bytes, address } of peers) {
      expect(bytes).toBeGreaterThan(4);
      expect(address).toContain("127.0.0.1:");
    }
    expect(second).toMatchObject({ name: "echo", endedBy: expect.stringMatching(/^(listener|dialler)$/) });
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test("says which operator has ended a stream, taken a name away or drained the router", async () => {
    const audit = await Audit.open(path, { onTrouble: () => {} });
    const operator = "ops";
    audit.onEvent({ kind: "killed", stream: "s", name: "web", operator, reason: "late" });
    audit.onEvent({ ...closed("s"), cause: "an operator ended the stream: late", operator });
    audit.onEvent({ kind: "evicted", name: "web", listeners: 1, operator, reason: "" });
    audit.onEvent({ kind: "drain-requested", operator, deadlineMs: 5_000 });
    await audit[Symbol.asyncDispose]();
    expect(linesOf(path)).toMatchObject([
      { action: "killed", stream: "s", name: "web", operator, reason: "late", time: expect.any(String) },
      { stream: "s", ended: "an operator ended the stream: late", endedBy: "operator ops" },
      { action: "evicted", name: "web", listeners: 1, operator },
      { action: "drain-requested", operator, deadlineMs: 5_000 },
    ]);
  });

  test("goes on in a new file when the old one is full, and keeps four of those", async () => {
    const trouble: Error[] = [];
    const audit = await Audit.open(path, { onTrouble: (error) => trouble.push(error), maxBytes: 300 });
    for (let count = 0; count < 9; count += 1) {
      audit.onEvent(closed(`stream-${count}`));
      // One line fills more than half of a file.
      while (!contentOf(path).includes(`stream-${count}`)) await new Promise(setImmediate);
    }
    await audit[Symbol.asyncDispose]();
    expect(trouble).toEqual([]);
    const names = [path, ...[1, 2, 3, 4].map((number) => `${path}.${number}`)];
    expect(names.map((name) => linesOf(name).map(({ stream }) => stream))).toEqual([
      ["stream-8"],
      ["stream-7"],
      ["stream-6"],
      ["stream-5"],
      ["stream-4"],
    ]);
    expect(existsSync(`${path}.5`)).toBe(false);
  });

  test("adds to what is there, and tells the names of offers only for their own streams", async () => {
    for (const stream of ["one", "two"]) {
      await using audit = await Audit.open(path, { onTrouble: () => {} });
      audit.onEvent({ kind: "dialled", name: "n", listener: "l", identity: "d", peer: "p", stream });
      audit.onEvent(closed(stream));
      audit.onEvent(closed("jumpstarter"));
    }
    expect(linesOf(path).map(({ stream, name, dialler }) => [stream, name, dialler])).toEqual([
      ["one", "n", "d"],
      ["jumpstarter", undefined, undefined],
      ["two", "n", "d"],
      ["jumpstarter", undefined, undefined],
    ]);
  });

  test("on a disk that is full loses lines and says so, and goes on", async () => {
    if (!existsSync("/dev/full")) return;
    const trouble: string[] = [];
    const audit = await Audit.open("/dev/full", { onTrouble: ({ message }) => trouble.push(message) });
    audit.onEvent(closed("a"));
    while (trouble.length === 0) await new Promise(setImmediate);
    audit.onEvent(closed("b"));
    await audit[Symbol.asyncDispose]();
    expect(trouble).toEqual(["the disk is full", "the disk is full"]);
  });

  test("that cannot be written ends the command with 73", async () => {
    await using lab = new InProcessLab();
    const run = lab.run(["router", "--listen", "127.0.0.1:0", "--audit", join(folder, "missing/audit.jsonl")]);
    expect(await run.exit).toBe(73);
    expect(run.stderr).toContain("cannot write the audit file");
    expect(run.stderr).toContain("there is no such file");
  });
});

/** Returns the content of a file that may be moved away at any time. */
function contentOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
