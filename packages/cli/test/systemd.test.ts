/** The units for systemd start commands that exist, with options that exist, and systemd finds no fault in them. */
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { parseCommandLine } from "../src/command-line.js";

const folder = fileURLToPath(new URL("../systemd/", import.meta.url));
const units = readdirSync(folder);

test("there is one for the router, for a name that is exposed, and for a port that is connected", () => {
  expect(units).toEqual(["trunkline-connect@.service", "trunkline-expose@.service", "trunkline-router.service"]);
});

test.each(units)("%s", (name) => {
  const unit = readFileSync(folder + name, "utf8");
  const command = /^ExecStart=\/usr\/bin\/env trunkline (.*)$/m.exec(unit)?.[1] ?? "";
  const words = command
    .replaceAll("%i", "web")
    .replaceAll(/\$\{TARGET\}|\$\{LISTEN\}/g, "3000")
    .split(" ")
    .filter((word) => word !== "$OPTIONS");
  const request = parseCommandLine(words, () => {});
  expect(name).toContain(`trunkline-${request?.command}`);
  const grace = Number(/--grace (\d+)s/.exec(command)?.[1] ?? 5);
  expect(Number(/^TimeoutStopSec=(\d+)$/m.exec(unit)?.[1])).toBeGreaterThan(grace);
  // What stands at %d has to be a credential.
  const credentials = [...unit.matchAll(/^LoadCredential=([\w.]+):/gm)].map(([, id]) => id);
  expect([...command.matchAll(/%d\/([\w.]+)/g)].map(([, id]) => id).sort()).toEqual(credentials.sort());
});

function hasSystemd(): boolean {
  try {
    execFileSync("systemd-analyze", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

describe.skipIf(!hasSystemd())("systemd-analyze verify", () => {
  test.each(units)("finds no fault in %s", (name) => {
    const copy = mkdtempSync(join(tmpdir(), "trunkline-units-"));
    try {
      cpSync(folder, copy, { recursive: true });
      const unit = join(copy, name.replace("@.", "@web."));
      const output = execFileSync("systemd-analyze", ["verify", unit], { encoding: "utf8", stdio: "pipe" });
      expect(output).toBe("");
    } finally {
      rmSync(copy, { recursive: true, force: true });
    }
  });
});
