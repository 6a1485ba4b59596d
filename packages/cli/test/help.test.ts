import { describe, expect, test } from "vitest";
import { commandNames } from "../src/command-line.js";
import { exitCodeMeanings, signalMeanings } from "../src/exit-codes.js";
import { InProcessLab } from "./support/lab.js";

const words = (command: string): string[] => command.split(" ").filter((word) => word !== "");

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
      for (const [code, meaning] of Object.entries({ ...exitCodeMeanings, ...signalMeanings }))
        expect(help.stdout).toContain(`  ${code.padEnd(8)}  ${meaning}`);
    }
  });

  test("fits a terminal of 80 columns", async () => {
    await using lab = new InProcessLab();
    for (const command of ["", ...commandNames]) {
      const help = lab.run([...words(command), "--help"]);
      expect(await help.exit).toBe(0);
      for (const line of help.stdout.split("\n")) expect(line.length, line).toBeLessThanOrEqual(80);
    }
  });

  test.each(commandNames.filter((name) => name !== "token" && name !== "cert"))(
    "of %s has examples",
    async (command) => {
      await using lab = new InProcessLab();
      const help = lab.run([...words(command), "--help"]);
      expect(await help.exit).toBe(0);
      expect(help.stdout).toContain(`Usage: trunkline ${command}`);
      expect(help.stdout).toContain("Examples:");
    },
  );

  test("--version is the version", async () => {
    await using lab = new InProcessLab();
    const version = lab.run(["--version"]);
    expect(await version.exit).toBe(0);
    expect(version.stdout).toBe("0.1.0\n");
  });
});
