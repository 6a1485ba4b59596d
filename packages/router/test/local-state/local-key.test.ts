import { chmod, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ensureLocalKey, localKeyPath, newRouterKeyText, readLocalKey } from "../../src/index.js";

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "trunkline-key-"));
  path = join(folder, "trunkline", "router.key");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe("the key of the local router", () => {
  it("is found in the state folder, which outlives a session", () => {
    expect(localKeyPath({ XDG_STATE_HOME: "/state", HOME: "/home/a" })).toBe("/state/trunkline/router.key");
    expect(localKeyPath({ XDG_STATE_HOME: "relative", HOME: "/home/a" })).toBe(
      "/home/a/.local/state/trunkline/router.key",
    );
  });

  it("is made once, readable by its owner alone, and then stays", async () => {
    expect(await readLocalKey(path)).toBeUndefined();
    const key = await ensureLocalKey(path);
    expect(Buffer.from(key, "base64url")).toHaveLength(32);
    expect(await ensureLocalKey(path)).toBe(key);
    expect(await readFile(path, "utf8")).toBe(`${key}\n`);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it("is the same for routers that begin at once", async () => {
    const keys = await Promise.all(Array.from({ length: 8 }, () => ensureLocalKey(path)));
    expect(new Set(keys).size).toBe(1);
  });

  it("loses one line end, and nothing else", async () => {
    await ensureLocalKey(path);
    await writeFile(path, `${" ".repeat(32)}\n\r\n`);
    expect(await readLocalKey(path)).toBe(`${" ".repeat(32)}\n`);
  });

  it("is not believed where others can read it, nor where it is too short", async () => {
    await ensureLocalKey(path);
    await writeFile(path, "x".repeat(31));
    await expect(readLocalKey(path)).rejects.toThrow("holds a key of 31 bytes, less than 32");
    await chmod(path, 0o640);
    await expect(ensureLocalKey(path)).rejects.toThrow(/can be read or written by others \(mode 0640\)/);
  });

  it("is new each time, and as text has 43 characters", () => {
    expect(newRouterKeyText()).toMatch(/^[\w-]{43}$/);
    expect(newRouterKeyText()).not.toBe(newRouterKeyText());
  });
});
