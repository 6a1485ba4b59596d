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

/** Runs the command with its stdout on the full device, or wherever `output` leads. */
function runFull(args: string, output = ">/dev/full"): { readonly status: number | null; readonly stderr: string } {
  const key = "a key of 32 bytes for these tests";
  const env = { PATH: process.env["PATH"], HOME: tmpdir(), XDG_RUNTIME_DIR: tmpdir(), ROUTER_KEY: key };
  const script = `exec "${process.execPath}" "${main}" ${args} ${output}`;
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

describe.skipIf(!existsSync("/proc/self/fdinfo"))("stdout that was closed before the command began", () => {
  test.each([
    ["key", "the key"],
    ["token mint me", "the token"],
    ["completion bash", "the script"],
    ["recv inbox --stdout", "the file"],
  ])("%s says so in one line and ends with 74", (args, what) => {
    const advice = "to discard it, let the shell do so: >/dev/null";
    const stderr = `trunkline: stdout is closed, and ${what} would be lost; ${advice}\n`;
    expect(runFull(args, ">&-")).toEqual({ status: 74, stderr });
  });

  test("is no output that the shell discards, and no matter of a command whose exit code is its result", () => {
    expect(runFull("key", ">/dev/null")).toEqual({ status: 0, stderr: "" });
    expect(runFull("version", ">&-")).toEqual({ status: 0, stderr: "" });
  });

  test("one that is open for reading alone is told of, too", () => {
    const stderr = "trunkline: cannot write to stdout: it is not open for that\n";
    expect(runFull("version", "1</dev/zero")).toEqual({ status: 74, stderr });
  });
});
