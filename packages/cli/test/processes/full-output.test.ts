/**
 * Commands whose standard output takes no more, in processes of their own: no stream in memory fails as a file does.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { beforeAll, describe, expect, test } from "vitest";
import { publishedCommand } from "../../../base/test/support/published.js";

let main = "";

beforeAll(async () => {
  main = await publishedCommand();
}, 60_000);

/** Runs the command with its stdout on the full device. */
function runFull(args: string): { readonly status: number | null; readonly stderr: string } {
  const env = { PATH: process.env["PATH"], HOME: tmpdir(), XDG_RUNTIME_DIR: tmpdir() };
  const script = `exec "${process.execPath}" "${main}" ${args} >/dev/full`;
  const { status, stderr } = spawnSync("sh", ["-c", script], { env, encoding: "utf8", timeout: 60_000 });
  return { status, stderr };
}

describe.skipIf(!existsSync("/dev/full"))("stdout on a full disk", () => {
  test.each(["--help", "version", "key", "completion bash"])("%s says so in one line and ends with 74", (args) => {
    expect(runFull(args)).toEqual({ status: 74, stderr: "trunkline: cannot write to stdout: the disk is full\n" });
  });

  test("with --json the line is JSON", () => {
    const { status, stderr } = runFull("version --json");
    expect(status).toBe(74);
    expect(JSON.parse(stderr)).toMatchObject({ level: "fatal", exitCode: 74 });
  });
});
