import { chmod, mkdtemp, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  type LocalState,
  LocalStateError,
  localStatePath,
  readLocalState,
  removeLocalState,
  writeLocalState,
} from "../../src/index.js";

const state: LocalState = { endpoint: "127.0.0.1:7420", token: "t", pid: process.pid };
let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "trunkline-state-"));
  path = join(folder, "trunkline", "router.json");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe("the file of a local router", () => {
  it("is found in the runtime folder, or in the home folder where there is none", () => {
    expect(localStatePath({ XDG_RUNTIME_DIR: "/run/user/1" })).toBe("/run/user/1/trunkline/router.json");
    expect(localStatePath({ HOME: "/home/a" })).toBe("/home/a/.local/state/trunkline/router.json");
    expect(localStatePath({ HOME: "/home/a", XDG_RUNTIME_DIR: "relative" })).toBe(
      "/home/a/.local/state/trunkline/router.json",
    );
  });

  it("gives back what was written, readable by its owner alone", async () => {
    expect(await readLocalState(path)).toBeUndefined();
    expect(await writeLocalState(state, path)).toBe(path);
    expect(await readLocalState(path)).toEqual({ state, alive: true });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(join(folder, "trunkline"))).mode & 0o777).toBe(0o700);
  });

  it("is removed only by the router that has written it", async () => {
    await writeLocalState(state, path);
    const others: Partial<LocalState>[] = [{ pid: process.pid + 1 }, { endpoint: "127.0.0.1:7421" }, { token: "u" }];
    for (const other of others) {
      await removeLocalState({ ...state, ...other }, path);
      expect(await readLocalState(path)).toBeDefined();
    }
    await removeLocalState(state, path);
    expect(await readLocalState(path)).toBeUndefined();
  });

  const spoilt: [title: string, spoil: () => Promise<void>, message: RegExp][] = [
    ["that others can read", () => chmod(path, 0o644), /can be read or written by others \(mode 0644\)/],
    [
      "in a folder that others can write to",
      () => chmod(join(folder, "trunkline"), 0o777),
      /can be written to by others/,
    ],
    ["that is no JSON", () => writeFile(path, "{"), /it is no JSON/],
    [
      "that lacks its token",
      () => writeFile(path, JSON.stringify({ ...state, token: "" })),
      /endpoint, token or pid is missing/,
    ],
    ["that is far too large", () => writeFile(path, "x".repeat(70_000)), /is larger than 65536 bytes/],
  ];
  for (const [title, spoil, message] of spoilt) {
    it(`${title} is not believed, and the message says why and where`, async () => {
      await writeLocalState(state, path);
      await spoil();
      const error = await readLocalState(path).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(LocalStateError);
      expect((error as LocalStateError).message).toMatch(message);
      expect((error as LocalStateError).message).toContain(folder);
    });
  }

  it("is not followed where it is a link", async () => {
    await writeLocalState(state, path);
    const link = join(folder, "trunkline", "link.json");
    await symlink(path, link);
    await expect(readLocalState(link)).rejects.toThrow(/is a link, which is not followed/);
    expect(await readFile(path, "utf8")).toContain("127.0.0.1:7420");
  });
});
