/** Builds the Go subject with the Go toolchain that is there; without one, says why it is left out. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const source = fileURLToPath(new URL("../go/", import.meta.url));
/** The built program, in a folder that git ignores. */
const program = fileURLToPath(
  new URL(`../.cache/grpc-go${process.platform === "win32" ? ".exe" : ""}`, import.meta.url),
);
/** The first build downloads and compiles grpc-go. */
const buildLimitMs = 300_000;

/**
 * @returns {Promise<{ program: string, goVersion: string } | { missing: string }>}
 */
export async function buildGoSubject() {
  const go = (/** @type {string[]} */ ...args) =>
    promisify(execFile)("go", args, { cwd: source, timeout: buildLimitMs });
  let goVersion;
  try {
    goVersion = (await go("env", "GOVERSION")).stdout.trim();
  } catch {
    return { missing: "grpc-go (Go is not installed)" };
  }
  try {
    await go("build", "-o", program, ".");
  } catch (error) {
    const reason = /** @type {{ stderr?: string, message: string }} */ (error);
    return {
      missing: `grpc-go (it could not be built: ${(reason.stderr || reason.message).trim().split("\n").at(-1)})`,
    };
  }
  return { program, goVersion };
}
