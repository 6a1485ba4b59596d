import { describe, expect, test } from "vitest";
import { exitCodeMeanings } from "../src/exit-codes.js";
import { InProcessLab } from "./support/lab.js";

describe("help", () => {
  test("of the whole has the commands, examples, environment and every exit code", async () => {
    await using lab = new InProcessLab();
    for (const args of [[], ["--help"], ["-h"]]) {
      const help = lab.run(args);
      expect(await help.exit).toBe(0);
      expect(help.stderr).toBe("");
      for (const word of ["router", "expose", "connect", "demo", "token", "TRUNKLINE_TOKEN", "ROUTER_KEY"]) {
        expect(help.stdout).toContain(word);
      }
      for (const [code, meaning] of Object.entries(exitCodeMeanings))
        expect(help.stdout).toContain(`  ${code.padEnd(8)}  ${meaning}\n`);
    }
  });

  test.each(["router", "expose", "connect", "demo", "token"])("of %s has examples", async (command) => {
    await using lab = new InProcessLab();
    const help = lab.run([command, "--help"]);
    expect(await help.exit).toBe(0);
    expect(help.stdout).toContain(`Usage: trunkline ${command}`);
    expect(help.stdout).toContain("Examples:");
    expect(Math.max(...help.stdout.split("\n").map((line) => line.length))).toBeLessThanOrEqual(120);
  });

  test("--version is the version", async () => {
    await using lab = new InProcessLab();
    const version = lab.run(["--version"]);
    expect(await version.exit).toBe(0);
    expect(version.stdout).toBe("0.1.0\n");
  });
});
