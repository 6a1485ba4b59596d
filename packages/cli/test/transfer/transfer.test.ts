/** `send` and `recv` as a user runs them. */
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { sized } from "../../../base/test/support/sizes.js";
import { InProcessLab } from "../support/lab.js";
import type { Run } from "../support/run.js";

/** A lab with a router, a folder `from` with what is sent, and an empty folder `to`. */
async function transferLab(): Promise<{ lab: InProcessLab; from: string; to: string }> {
  const lab = new InProcessLab();
  await lab.router();
  const [from, to] = ["from", "to"].map((name) => join(lab.folder, name)) as [string, string];
  mkdirSync(from);
  mkdirSync(to);
  return { lab, from, to };
}

/** Runs both sides to their ends. */
async function transfer(
  lab: InProcessLab,
  to: string,
  paths: readonly string[],
  more: readonly string[] = [],
): Promise<{ send: Run; recv: Run; codes: unknown[] }> {
  const recv = lab.start("recv", "inbox", "--to", to, ...more);
  const send = lab.start("send", ...paths, "inbox");
  return { send, recv, codes: await Promise.all([send.exit, recv.exit]) };
}

describe.concurrent("send and recv", () => {
  test("move files and folders, with modes, times, links and empty folders", async () => {
    const { lab, from, to } = await transferLab();
    await using _lab = lab;
    const content = randomBytes(1_000_000);
    writeFileSync(join(from, "data.bin"), content);
    utimesSync(join(from, "data.bin"), 1_000_000_000, 1_000_000_000.5);
    mkdirSync(join(from, "tree/inner/empty"), { recursive: true });
    writeFileSync(join(from, "tree/inner/script.sh"), "#!/bin/sh\n");
    chmodSync(join(from, "tree/inner/script.sh"), 0o755);
    writeFileSync(join(from, "tree/none"), "");
    writeFileSync(join(from, "tree/line\nend"), "a name with a line end");
    symlinkSync("inner/script.sh", join(from, "tree/link"));
    chmodSync(join(from, "tree/inner"), 0o550);
    const { send, recv, codes } = await transfer(lab, to, [join(from, "data.bin"), join(from, "tree")]);
    expect(codes).toEqual([0, 0]);
    expect(readFileSync(join(to, "data.bin")).equals(content)).toBe(true);
    expect(statSync(join(to, "data.bin")).mtimeMs).toBe(1_000_000_000_500);
    expect(statSync(join(to, "tree/inner/script.sh")).mode & 0o777).toBe(0o755);
    expect(statSync(join(to, "tree/inner")).mode & 0o777).toBe(0o550);
    expect(readdirSync(join(to, "tree/inner/empty"))).toEqual([]);
    expect(readFileSync(join(to, "tree/none"), "utf8")).toBe("");
    expect(readFileSync(join(to, "tree/line\nend"), "utf8")).toBe("a name with a line end");
    expect(readlinkSync(join(to, "tree/link"))).toBe("inner/script.sh");
    expect(readdirSync(to).sort()).toEqual(["data.bin", "tree"]);
    const totals = { name: "inbox", entries: 8, bytes: 1_000_032, resumedBytes: 0 };
    expect(await send.event("sent")).toMatchObject(totals);
    expect(await recv.event("received")).toMatchObject(totals);
    for (const folder of ["from", "to"]) chmodSync(join(lab.folder, folder, "tree/inner"), 0o750);
  });

  test("keep names that are not UTF-8", async () => {
    const { lab, from, to } = await transferLab();
    await using _lab = lab;
    const name = Buffer.from([0x61, 0xff, 0xfe, 0x0a]);
    mkdirSync(join(from, "tree"));
    writeFileSync(Buffer.concat([Buffer.from(join(from, "tree/")), name]), "odd");
    expect((await transfer(lab, to, [join(from, "tree")])).codes).toEqual([0, 0]);
    expect(readdirSync(join(to, "tree"), { encoding: "buffer" })).toEqual([name]);
  });

  test("move hundreds of small files and count them", async () => {
    const { lab, from, to } = await transferLab();
    await using _lab = lab;
    const count = sized(200, 300);
    mkdirSync(join(from, "many"));
    for (let index = 0; index < count; index += 1) writeFileSync(join(from, `many/${index}`), `file ${index}`);
    const { send, codes } = await transfer(lab, to, [join(from, "many")]);
    expect(codes).toEqual([0, 0]);
    expect(await send.event("sent")).toMatchObject({ entries: count + 1 });
    expect(readFileSync(join(to, "many/199"), "utf8")).toBe("file 199");
    expect(readdirSync(join(to, "many"))).toHaveLength(count);
  });

  test("begin in either order: the sender waits for the receiver", async () => {
    const { lab, from, to } = await transferLab();
    await using _lab = lab;
    writeFileSync(join(from, "a"), "content");
    const send = lab.start("send", join(from, "a"), "inbox");
    await send.event("waiting");
    const recv = lab.start("recv", "inbox", "--to", to);
    expect(await Promise.all([send.exit, recv.exit])).toEqual([0, 0]);
    expect(readFileSync(join(to, "a"), "utf8")).toBe("content");
  });

  test("give the one file another name", async () => {
    const { lab, from, to } = await transferLab();
    await using _lab = lab;
    writeFileSync(join(from, "a"), "content");
    const recv = lab.start("recv", "inbox", "--to", to);
    const send = lab.start("send", join(from, "a"), "inbox", "--as", "b");
    expect(await Promise.all([send.exit, recv.exit])).toEqual([0, 0]);
    expect(readdirSync(to)).toEqual(["b"]);
  });

  test("leave out links that lead out of what is sent, and say so", async () => {
    const { lab, from, to } = await transferLab();
    await using _lab = lab;
    mkdirSync(join(from, "tree"));
    symlinkSync("/etc/passwd", join(from, "tree/absolute"));
    symlinkSync("../../secret", join(from, "tree/outside"));
    symlinkSync("../tree/inside", join(from, "tree/around"));
    const { send, codes } = await transfer(lab, to, [join(from, "tree")]);
    expect(codes).toEqual([0, 0]);
    expect(readdirSync(join(to, "tree"))).toEqual([]);
    for (let count = 0; count < 3; count += 1)
      expect((await send.event("left-out"))["text"]).toMatch(/the link .* is left out: its target /);
  });
});

describe.concurrent("what exists already", () => {
  test("is not touched: both sides end with 73 and 74, and say why", async () => {
    const { lab, from, to } = await transferLab();
    await using _lab = lab;
    writeFileSync(join(from, "a"), "new");
    writeFileSync(join(to, "a"), "old");
    const { send, codes } = await transfer(lab, to, [join(from, "a")]);
    expect(codes).toEqual([74, 73]);
    expect(send.stderr).toContain(
      "the transfer is incomplete: the receiver has given up: a exists already in the target folder",
    );
    expect(readFileSync(join(to, "a"), "utf8")).toBe("old");
  });

  test("is replaced with --overwrite where it is a file, and never where it is a folder", async () => {
    const { lab, from, to } = await transferLab();
    await using _lab = lab;
    writeFileSync(join(from, "a"), "new");
    writeFileSync(join(to, "a"), "old");
    expect((await transfer(lab, to, [join(from, "a")], ["--overwrite"])).codes).toEqual([0, 0]);
    expect(readFileSync(join(to, "a"), "utf8")).toBe("new");
    mkdirSync(join(to, "b"));
    writeFileSync(join(from, "b"), "a file");
    expect((await transfer(lab, to, [join(from, "b")], ["--overwrite"])).codes).toEqual([74, 73]);
    expect(lstatSync(join(to, "b")).isDirectory()).toBe(true);
  });
});

describe.concurrent("a transfer that is cut short", () => {
  test("leaves nothing under the final name, and the next try goes on where it stopped", async () => {
    const { lab, from, to } = await transferLab();
    await using _lab = lab;
    const content = randomBytes(30_000_000);
    mkdirSync(join(from, "tree"));
    writeFileSync(join(from, "tree/1-small"), "whole");
    writeFileSync(join(from, "tree/2-large"), content);
    const recv = lab.start("recv", "inbox", "--to", to);
    const send = lab.start("send", join(from, "tree"), "inbox");
    // Up to 8 MB may be on their way, and are lost with the sender.
    while (((await send.event("progress"))["bytes"] as number) < 15_000_000);
    expect(await send.end("SIGINT")).not.toBe(0);
    expect(await recv.exit).toBe(74);
    const text =
      "the transfer is incomplete: the other side aborted the stream: ended by SIGINT; start both sides again";
    expect(recv.stderr).toContain(`${text} to go on where it stopped`);
    expect(existsSync(join(to, "tree"))).toBe(false);
    const again = await transfer(lab, to, [join(from, "tree")]);
    expect(again.codes).toEqual([0, 0]);
    const { resumedBytes, bytes } = await again.send.event("sent");
    expect(bytes).toBe(30_000_005);
    expect(resumedBytes).toBeGreaterThan(5_000_000);
    expect(readFileSync(join(to, "tree/2-large")).equals(content)).toBe(true);
    expect(readdirSync(to)).toEqual(["tree"]);
  });

  test("goes on from nothing where the file is another one by now", async () => {
    const { lab, from, to } = await transferLab();
    await using _lab = lab;
    writeFileSync(join(from, "large"), randomBytes(24_000_000));
    const recv = lab.start("recv", "inbox", "--to", to);
    const send = lab.start("send", join(from, "large"), "inbox");
    await send.event("progress");
    await recv.end("SIGINT");
    expect(await send.exit).toBe(74);
    writeFileSync(join(from, "large"), "short");
    expect((await transfer(lab, to, [join(from, "large")])).codes).toEqual([0, 0]);
    expect(readFileSync(join(to, "large"), "utf8")).toBe("short");
  });
});

describe.concurrent("bad input", () => {
  test.each([
    ["a missing file", ["send", "/nowhere/at all", "inbox"], 66, "cannot read /nowhere/at all: there is no such file"],
    ["a name without a file", ["send", "inbox"], 64, "a file and the receiver's name are needed"],
    ["standard input without a name", ["send", "-", "inbox"], 64, "standard input has no name"],
    [
      "two files with one name",
      ["send", "/bin/sh", "/usr/../bin/sh", "inbox"],
      64,
      'two of the files have the name "sh"',
    ],
    ["a new name with a slash", ["send", "/bin/sh", "inbox", "--as", "a/b"], 64, 'the name "a/b" has a slash'],
    ["a new name for two files", ["send", "/bin/sh", "/bin/ls", "inbox", "--as", "a"], 64, "--as names one file"],
    ["a folder that is missing", ["recv", "inbox", "--to", "/nowhere"], 73, "cannot use the folder /nowhere"],
    ["nobody who receives", ["send", "/bin/sh", "inbox", "--wait", "0"], 68, "begin with: trunkline recv inbox"],
  ])("%s: one line and the exit code", async (_, args, code, message) => {
    const { lab } = await transferLab();
    await using _lab = lab;
    const run = lab.run(args);
    expect(await run.exit).toBe(code);
    expect(run.errorLines.at(-1)).toMatch(/^trunkline: /);
    expect(run.stderr).toContain(message);
  });

  test("a name that something else exposes is not sent to", async () => {
    const { lab, from } = await transferLab();
    await using _lab = lab;
    writeFileSync(join(from, "a"), "secret");
    await lab.expose("web", "exec:cat >/dev/null");
    const send = lab.run(["send", join(from, "a"), "web"]);
    expect(await send.exit).toBe(68);
    expect(send.stderr).toContain('"web" is exposed');
    expect(send.stderr).toContain("not by trunkline recv");
  });
});
