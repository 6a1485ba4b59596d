import { execFileSync, spawnSync } from "node:child_process";
import { chmod, lstat, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { copy, totalBytes } from "../../src/index.js";
import { filePath, streamFromFile, streamToFile } from "../../src/node/index.js";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "streams-"));
});
afterEach(() => rm(folder, { recursive: true }));

const at = (name: string): string => join(folder, name);
const content = (name: string): Promise<string> => readFile(at(name), "utf8");
/**
 * Returns the path of a device that swallows everything. The superuser gets one of its own: a fault that replaces the
 * device would otherwise take /dev/null from the whole machine. Where none can be made, the test goes without.
 */
function device(): string | undefined {
  if (process.getuid?.() !== 0) return "/dev/null";
  return spawnSync("mknod", [at("device"), "c", "1", "3"]).status === 0 ? at("device") : undefined;
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("reading a file", () => {
  test("gives its bytes, its size and its path", async () => {
    await writeFile(at("data"), Buffer.alloc(200_000, 7));
    const stream = await streamFromFile(at("data"), { chunkBytes: 65_536 });
    expect(stream.extra(totalBytes)).toBe(200_000);
    expect(stream.extra(filePath)).toBe(at("data"));
    const sizes: number[] = [];
    for await (const chunk of stream) sizes.push(chunk.length);
    expect(sizes).toEqual([65_536, 65_536, 65_536, 3_392]);
    expect(await stream.receive()).toBeUndefined();
  });

  test("gives a part of it", async () => {
    await writeFile(at("data"), "0123456789");
    const stream = await streamFromFile(at("data"), { start: 3, end: 6 });
    expect(stream.extra(totalBytes)).toBe(3);
    expect(new TextDecoder().decode(await stream.receive())).toBe("345");
    expect(await stream.receive()).toBeUndefined();
    expect(await (await streamFromFile(at("data"), { start: 20 })).receive()).toBeUndefined();
  });

  test("close and abort end it at once, without reading the rest", async () => {
    await writeFile(at("data"), "0123456789");
    for (const leave of ["close", "abort"] as const) {
      const stream = await streamFromFile(at("data"), { chunkBytes: 1 });
      await stream.receive();
      await stream[leave]();
      await expect(stream.receive()).rejects.toMatchObject({ code: "CLOSED_STREAM" });
    }
  });

  test("what is not there, or no file, or no number, is refused with a name", async () => {
    await expect(streamFromFile(at("nothing"))).rejects.toMatchObject({ code: "ENOENT" });
    await expect(streamFromFile(folder)).rejects.toMatchObject({ code: "EISDIR" });
    await expect(streamFromFile(at("x"), { start: -1 })).rejects.toThrow(
      "start must be a whole number from 0 on, not -1",
    );
    await expect(streamFromFile(at("x"), { start: 5, end: 4 })).rejects.toThrow(
      "end must not be below start (5), but is 4",
    );
    await expect(streamFromFile(at("x"), { chunkBytes: 0 })).rejects.toThrow(
      "chunkBytes must be a whole number from 1 on, not 0",
    );
  });
});

describe("writing a file", () => {
  test("the new one takes the place of the old one at its end, and not before", async () => {
    await writeFile(at("data"), "old");
    const stream = await streamToFile(at("data"), { flush: true });
    expect(stream.extra(filePath)).toBe(at("data"));
    await stream.send(bytes("new "));
    await stream.send(bytes("text"));
    expect(await content("data")).toBe("old");
    await stream.sendEof();
    expect(await content("data")).toBe("new text");
    expect(await readdir(folder)).toEqual(["data"]);
  });

  test("disposal without an end removes what was written and leaves the old one", async () => {
    await writeFile(at("data"), "old");
    const stream = await streamToFile(at("data"));
    await stream.send(bytes("half of"));
    await stream[Symbol.asyncDispose]();
    expect(await readdir(folder)).toEqual(["data"]);
    expect(await content("data")).toBe("old");
    await expect(stream.send(bytes("x"))).rejects.toMatchObject({ code: "CLOSED_STREAM" });
  });

  test("append goes behind the end, and an abort takes it back", async () => {
    await writeFile(at("log"), "one\n");
    const stream = await streamToFile(at("log"), { existing: "append" });
    await stream.send(bytes("two\n"));
    await stream.sendEof();
    const aborted = await streamToFile(at("log"), { existing: "append" });
    await aborted.send(bytes("thr"));
    await aborted[Symbol.asyncDispose]();
    expect(await content("log")).toBe("one\ntwo\n");
  });

  test("refuse does not touch what is there, and an abort removes the new one", async () => {
    await writeFile(at("data"), "old");
    await expect(streamToFile(at("data"), { existing: "refuse" })).rejects.toMatchObject({ code: "EEXIST" });
    const stream = await streamToFile(at("new"), { existing: "refuse" });
    await stream[Symbol.asyncDispose]();
    expect(await readdir(folder)).toEqual(["data"]);
  });

  test("keepPartial leaves what was written", async () => {
    for (const existing of ["replace", "refuse", "append"] as const) {
      const stream = await streamToFile(at(existing), { existing, keepPartial: true });
      await stream.send(bytes("half"));
      await stream[Symbol.asyncDispose]();
      expect(await content(existing)).toBe("half");
    }
  });

  test("only bytes, and no metadata", async () => {
    const stream = await streamToFile(at("data"));
    await expect(stream.send("text" as never)).rejects.toThrow("a file takes Uint8Array, not string");
    await expect(stream.send(bytes("x"), { metadata: { a: "b" } })).rejects.toThrow("a file cannot carry metadata");
    await stream.close();
    expect(await content("data")).toBe("");
  });

  test.runIf(process.platform === "linux")("a disk that is full breaks the stream", async () => {
    const stream = await streamToFile("/dev/full", { existing: "append", keepPartial: true });
    await stream.send(bytes("x"));
    const error = await stream.sendEof().catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: "BrokenStreamError", cause: { code: "ENOSPC" } });
    await expect(stream.send(bytes("y"))).rejects.toBe(error);
    expect(stream.brokenSignal?.reason).toBe(error);
  });

  test("a file that is replaced keeps its permissions", async () => {
    await writeFile(at("secret"), "old", { mode: 0o600 });
    const stream = await streamToFile(at("secret"));
    const part = (await readdir(folder)).find((name) => name.endsWith(".part")) as string;
    expect((await stat(at(part))).mode & 0o777).toBe(0o600);
    await stream.send(bytes("new"));
    await stream.sendEof();
    expect((await stat(at("secret"))).mode & 0o777).toBe(0o600);
    await chmod(at("secret"), 0o755);
    const again = await streamToFile(at("secret"));
    await again.sendEof();
    expect((await stat(at("secret"))).mode & 0o777).toBe(0o755);
  });

  test("a symbolic link stays, and the file at its end is written", async () => {
    await writeFile(at("data"), "old");
    await symlink("data", at("link"));
    await symlink("link", at("link-to-link"));
    await symlink("missing", at("dangling"));
    for (const [name, target] of [
      ["link-to-link", "data"],
      ["dangling", "missing"],
    ] as const) {
      const stream = await streamToFile(at(name));
      await stream.send(bytes("new"));
      await stream.sendEof();
      expect((await lstat(at(name))).isSymbolicLink()).toBe(true);
      expect(await content(target)).toBe("new");
    }
    await symlink("circle", at("circle"));
    await expect(streamToFile(at("circle"))).rejects.toMatchObject({ code: "ELOOP" });
  });

  test.each([245, 255])("a name of %i characters is written and replaced", async (length) => {
    for (const text of ["old", "new"]) {
      const stream = await streamToFile(at("n".repeat(length)));
      await stream.send(bytes(text));
      await stream.sendEof();
    }
    expect(await content("n".repeat(length))).toBe("new");
    expect((await readdir(folder)).length).toBe(1);
  });

  test("a long name of characters of several bytes is cut between two of them", async () => {
    const name = "ü".repeat(127);
    const stream = await streamToFile(at(name));
    const [part] = await readdir(folder);
    expect(part).toMatch(/^ü+\.[0-9a-f]{12}\.part$/);
    await stream.sendEof();
    expect(await readdir(folder)).toEqual([name]);
  });

  test.runIf(process.platform !== "win32")(
    "a FIFO and a device are written in place and stay what they are",
    async () => {
      execFileSync("mkfifo", [at("fifo")]);
      const reading = readFile(at("fifo"), "utf8");
      const stream = await streamToFile(at("fifo"), { flush: true });
      await stream.send(bytes("through the pipe"));
      await stream.sendEof();
      expect(await reading).toBe("through the pipe");
      expect((await stat(at("fifo"))).isFIFO()).toBe(true);

      const nowhere = device();
      if (nowhere === undefined) return;
      await symlink(nowhere, at("null"));
      for (const end of ["sendEof", "abort"] as const) {
        const output = await streamToFile(at("null"));
        await output.send(bytes("gone"));
        await output[end]();
        await output[Symbol.asyncDispose]();
      }
      expect((await stat(at("null"))).isCharacterDevice()).toBe(true);
      expect((await readdir(folder)).filter((name) => name.endsWith(".part"))).toEqual([]);
    },
  );

  test.runIf(process.platform === "linux")("a file that cannot be read leaves no descriptor open", async () => {
    const open = async (): Promise<number> => (await readdir("/proc/self/fd")).length;
    const before = await open();
    for (let count = 0; count < 20; count++) {
      // The memory of this process can be opened and not be read at its beginning.
      const stream = await streamFromFile("/proc/self/mem");
      await expect(stream.receive()).rejects.toMatchObject({ name: "BrokenStreamError", cause: { code: "EIO" } });
    }
    expect(await open()).toBeLessThan(before + 10);
  });

  test("a failed copy leaves no file, a whole one does", async () => {
    await writeFile(at("from"), Buffer.alloc(300_000, 1));
    const source = await streamFromFile(at("from"));
    const target = await streamToFile(at("to"));
    expect(await copy(source, target)).toEqual({ items: 5, bytes: 300_000 });
    await symlink(at("from"), at("link"));
    const failing = await streamToFile(at("other"));
    const again = await streamFromFile(at("link"));
    again.abort(new Error("pulled out"));
    await expect(copy(again, failing)).rejects.toThrow("pulled out");
    await failing[Symbol.asyncDispose]();
    expect((await readdir(folder)).sort()).toEqual(["from", "link", "to"]);
  });
});
