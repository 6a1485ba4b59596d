/** A sender or a receiver that lies: nothing leaves the target folder, nothing hangs, nothing half looks whole. */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { memoryPair, type ObjectStream } from "@trunkline/streams";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { CommandError } from "../../src/command-error.js";
import { FolderDestination, stagingName } from "../../src/transfer/folder.js";
import { linkProblem, pathProblem, segmentsOf } from "../../src/transfer/paths.js";
import { receiveEntries } from "../../src/transfer/receiver.js";
import { sendEntries } from "../../src/transfer/sender.js";
import { type Control, encodePath, TransferWire } from "../../src/transfer/wire.js";

let root: string;
let target: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "trunkline-transfer-"));
  target = join(root, "target");
  mkdirSync(target);
});
afterEach(() => rmSync(root, { recursive: true }));

const path = (text: string): string => encodePath(Buffer.from(text));
const sum = (text: string): string => createHash("sha256").update(text).digest("hex");
const file = (name: string, more: object = {}): Control =>
  ({ kind: "entry", path: path(name), type: "file", mode: 0o644, mtimeMs: 0, ...more }) as Control;
const folder = (name: string): Control =>
  ({ kind: "entry", path: path(name), type: "folder", mode: 0o755, mtimeMs: 0 }) as Control;
const content = (text: string): Uint8Array => Buffer.from(`\0${text}`);

/** Receives what a sender sends, whatever that is. */
async function received(messages: readonly (Control | Uint8Array | "raw")[]): Promise<CommandError | undefined> {
  const [left, right] = memoryPair<Uint8Array>();
  const wire = new TransferWire(left);
  const receiving = receiveEntries(right, await FolderDestination.open(target, "inbox", false)).then(
    () => undefined,
    (error: CommandError) => error,
  );
  const sending = (async () => {
    for (const message of messages) {
      if (message === "raw") await left.send(Buffer.from([0, 0, 0, 2, 7, 7]));
      else if (message instanceof Uint8Array) await wire.sendContent(Uint8Array.from(message));
      else await wire.send(message);
    }
    await wire.sendEof();
  })().catch(() => {});
  const error = await receiving;
  right.abort();
  left.abort();
  await sending;
  return error;
}

/** The names in the target folder that a user sees. */
const visible = (): string[] => readdirSync(target).filter((name) => name !== stagingName("inbox"));

describe("a sender", () => {
  test.each<[string, readonly (Control | Uint8Array | "raw")[], string]>([
    ["a path that leaves the folder", [file("../evil")], "has a part that is . or .."],
    ["a path that leaves it further down", [folder("a"), file("a/../../evil")], "has a part that is . or .."],
    ["an absolute path", [file("/etc/passwd")], "has an empty part"],
    ["a path with a zero byte", [file("a\0b")], "has a zero byte"],
    ["a path that is too long", [file("a/".repeat(2_100))], "is longer than 4096 bytes"],
    ["a part that is too long", [file("a".repeat(256))], "longer than 255 bytes"],
    ["a file in a folder that was not sent", [file("a/b")], "is in a folder that was not sent"],
    [
      "a file in what was sent as a file",
      [file("a", { size: 0 }), { kind: "end", sha256: sum("") }, file("a/b")],
      "is in a folder that was not sent",
    ],
    [
      "a link out of the folder",
      [{ kind: "entry", path: path("l"), type: "link", mode: 0, mtimeMs: 0, target: path("../x") }],
      "a link whose target leads out of what is sent",
    ],
    [
      "an absolute link",
      [folder("a"), { kind: "entry", path: path("a/l"), type: "link", mode: 0, mtimeMs: 0, target: path("/etc") }],
      "a link whose target is absolute",
    ],
    [
      "a file through a link",
      [
        folder("a"),
        { kind: "entry", path: path("a/l"), type: "link", mode: 0, mtimeMs: 0, target: path("b") },
        file("a/l/x"),
      ],
      "is in a folder that was not sent",
    ],
    ["more content than it said", [file("a", { size: 1 }), content("12")], "is longer than the 1 bytes that were said"],
    [
      "less",
      [file("a", { size: 2 }), content("1"), { kind: "end", sha256: sum("1") }],
      "has 1 bytes where 2 were said",
    ],
    ["another checksum", [file("a"), content("1"), { kind: "end", sha256: sum("2") }], "a is not what was sent"],
    ["a file twice", [file("a"), { kind: "end", sha256: sum("") }, file("a")], "another entry has the same name"],
    ["a start behind what is there", [file("a", { size: 9, from: 5 })], "cannot write a"],
    ["content without a file", [content("1")], "content that belongs to no file"],
    ["an entry within a file", [file("a"), file("b")], 'sent "entry" where it has no place'],
    ["an end without a file", [{ kind: "end", sha256: "" }], 'sent "end" where it has no place'],
    ["other totals", [{ kind: "done", entries: 1, bytes: 0 }], "0 entries with 0 bytes came, of 1 with 0"],
    ["an end in the middle", [file("a"), content("1")], "the sender ended before it was done"],
    ["a reason", [{ kind: "failed", message: "no \u001b[2J more" }], 'the sender has given up: "no \\u001b[2J more"'],
    ["what is no message", ["raw"], "a message that is none of a transfer"],
    ["a mode that is none", [file("a", { mode: -1 })], "a message that is none of a transfer"],
    ["a kind of Object's own", [{ kind: "toString" } as unknown as Control], "a message that is none of a transfer"],
  ])("that sends %s is refused", async (_, messages, reason) => {
    const error = await received(messages);
    expect(error?.message).toContain(reason);
    expect(visible()).toEqual([]);
    expect(existsSync(join(root, "evil"))).toBe(false);
  });

  test("cannot write through a link that is in the hidden folder", async () => {
    const outside = join(root, "outside");
    mkdirSync(outside);
    writeFileSync(join(root, "victim"), "safe");
    await received([folder("a")]);
    const staging = join(target, stagingName("inbox"));
    rmSync(join(staging, "a"), { recursive: true });
    symlinkSync(outside, join(staging, "a"));
    symlinkSync(join(root, "victim"), join(staging, "v"));
    const end: Control = { kind: "end", sha256: sum("evil") };
    const error = await received([
      folder("a"),
      file("a/x"),
      content("evil"),
      end,
      file("v"),
      content("evil"),
      end,
      { kind: "done", entries: 3, bytes: 8 },
    ]);
    expect(error).toBeUndefined();
    expect(readdirSync(outside)).toEqual([]);
    expect(readFileSync(join(root, "victim"), "utf8")).toBe("safe");
    expect(readFileSync(join(target, "a/x"), "utf8")).toBe("evil");
  });

  test("gives no rights beyond those of files: set-user-id and sticky bits are dropped", async () => {
    const messages = [file("a", { mode: 0o7777 }), { kind: "end", sha256: sum("") } as Control];
    expect(await received([...messages, { kind: "done", entries: 1, bytes: 0 }])).toBeUndefined();
    expect((await import("node:fs")).statSync(join(target, "a")).mode & 0o7777).toBe(0o777);
  });
});

describe("a receiver", () => {
  /** Sends one file to a receiver that answers as it likes. */
  async function sent(answer: (wire: TransferWire, stream: ObjectStream<Uint8Array>) => Promise<void>): Promise<Error> {
    writeFileSync(join(root, "a"), "content");
    const [left, right] = memoryPair<Uint8Array>();
    const entry = { path: Buffer.from("a"), local: Buffer.from(join(root, "a")), type: "file", mode: 0o644 } as const;
    const mtimeMs = (await import("node:fs")).statSync(join(root, "a")).mtimeMs;
    const entries = (async function* () {
      yield { ...entry, mtimeMs, size: 7, target: undefined };
    })();
    const answering = answer(new TransferWire(right), right).catch(() => {});
    const error = await sendEntries(left, entries, () => {}).then(
      () => new Error("the sender believes it"),
      (reason: Error) => reason,
    );
    left.abort();
    await answering;
    return error;
  }

  test.each<[string, (wire: TransferWire) => Promise<void>, string]>([
    ["ends at once", (wire) => wire.sendEof(), "the receiver ended before it was ready"],
    ["sends content", (wire) => wire.sendContent(content("1")), "something else than its answer"],
    [
      "has stored it before it came",
      (wire) => wire.send({ kind: "stored", entries: 1, bytes: 7 }),
      "before it was ready",
    ],
    [
      "ends before it has stored everything",
      async (wire) => {
        await wire.send({ kind: "ready" });
        await wire.sendEof();
      },
      "the receiver ended before it had stored everything",
    ],
    [
      "has stored less",
      async (wire) => {
        await wire.send({ kind: "ready" });
        for (let count = 0; count < 4; count += 1) await wire.receive();
        await wire.send({ kind: "stored", entries: 1, bytes: 6 });
      },
      "the receiver has stored 1 entries with 6 bytes, not 1 with 7",
    ],
    [
      "has stored it before all of it came",
      async (wire) => {
        await wire.send({ kind: "ready" });
        await wire.send({ kind: "stored", entries: 0, bytes: 0 });
      },
      "something else than its answer",
    ],
    [
      "gives up",
      async (wire) => {
        await wire.send({ kind: "ready" });
        await wire.fail("the disk is full");
      },
      "the receiver has given up: the disk is full",
    ],
  ])("that %s is not believed", async (_, answer, reason) => {
    expect((await sent(answer)).message).toContain(reason);
  });

  test("that claims to have other bytes gets the whole file", async () => {
    const seen: unknown[] = [];
    await sent(async (wire) => {
      await wire.send({ kind: "have", path: path("a"), bytes: 3, sha256: sum("xyz") });
      await wire.send({ kind: "ready" });
      for (let count = 0; count < 3; count += 1) seen.push(await wire.receive());
      await wire.sendEof();
    });
    expect(seen[0]).toMatchObject({ kind: "entry", from: 0, size: 7 });
    expect(Buffer.from(seen[1] as Uint8Array).toString()).toBe("content");
  });

  test("that has the first bytes gets the rest", async () => {
    const seen: unknown[] = [];
    await sent(async (wire) => {
      await wire.send({ kind: "have", path: path("a"), bytes: 3, sha256: sum("con") });
      await wire.send({ kind: "ready" });
      for (let count = 0; count < 3; count += 1) seen.push(await wire.receive());
      await wire.sendEof();
    });
    expect(seen[0]).toMatchObject({ kind: "entry", from: 3, size: 7 });
    expect(Buffer.from(seen[1] as Uint8Array).toString()).toBe("tent");
    expect(seen[2]).toEqual({ kind: "end", sha256: sum("content") });
  });
});

describe("paths", () => {
  test("that are taken never leave their folder", () => {
    const part = fc.constantFrom(".", "..", "", "a", "b c", "\0", "...");
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 6 }), (parts) => {
        const bytes = Buffer.from(parts.join("/"));
        if (pathProblem(bytes) !== undefined) return;
        expect(join("/root", bytes.toString()).startsWith("/root/")).toBe(true);
        expect(segmentsOf(bytes).map(String)).toEqual(parts);
      }),
    );
  });

  test("of links that are taken lead into the same item", () => {
    const part = fc.constantFrom(".", "..", "", "a", "b");
    const parts = fc.array(part, { minLength: 1, maxLength: 6 });
    const place = fc.array(fc.constantFrom("x", "y"), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(place, parts, (at, to) => {
        const link = Buffer.from(["item", ...at].join("/"));
        const text = to.join("/");
        if (linkProblem(link, Buffer.from(text)) !== undefined) return;
        expect(`${join("/item", ...at.slice(0, -1), text)}/`.startsWith("/item/")).toBe(true);
      }),
    );
  });
});
