/** The units for systemd start commands that exist, with options that exist. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { parseCommandLine } from "../src/command-line.js";

const folder = fileURLToPath(new URL("../systemd/", import.meta.url));

test.each(readdirSync(folder))("%s", (name) => {
  const unit = readFileSync(folder + name, "utf8");
  const command = /^ExecStart=\/usr\/bin\/env trunkline (.*)$/m.exec(unit)?.[1] ?? "";
  const words = command
    .replaceAll("%i", "web")
    .replaceAll(/\$\{TARGET\}/g, "3000")
    .split(" ");
  const request = parseCommandLine(words, () => {});
  expect(["router", "expose"]).toContain(request?.command);
  const grace = Number(/--grace (\d+)s/.exec(command)?.[1] ?? 5);
  expect(Number(/^TimeoutStopSec=(\d+)$/m.exec(unit)?.[1])).toBeGreaterThan(grace);
});
