import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeFolder } from "@trunkline/base/node";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "trunkline-folders-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("making a folder", () => {
  test("makes those above it, all with the mode, and leaves what is there", async () => {
    const path = join(folder, "a/b/c");
    await makeFolder(path, 0o700);
    for (const each of ["a", "a/b", "a/b/c"]) expect(statSync(join(folder, each)).mode & 0o777).toBe(0o700);
    writeFileSync(join(path, "file"), "");
    await makeFolder(path, 0o755);
    expect(statSync(path).mode & 0o777).toBe(0o700);
    expect(existsSync(join(path, "file"))).toBe(true);
  });

  test("is done by several at once", async () => {
    const path = join(folder, "x/y/z");
    await Promise.all(Array.from({ length: 10 }, () => makeFolder(path)));
    expect(statSync(path).isDirectory()).toBe(true);
  });

  test("fails beneath a file, and names it", async () => {
    writeFileSync(join(folder, "file"), "");
    await expect(makeFolder(join(folder, "file/a"))).rejects.toMatchObject({ code: "ENOTDIR" });
    await expect(makeFolder(join(folder, "file"))).rejects.toThrow(`${join(folder, "file")} is no folder`);
  });

  test.runIf(existsSync("/proc/self"))("ends in a file system that takes none", async () => {
    await expect(makeFolder("/proc/nope/deeper")).rejects.toMatchObject({
      message: "the file system of /proc takes no folders",
      path: "/proc/nope",
    });
  });
});
