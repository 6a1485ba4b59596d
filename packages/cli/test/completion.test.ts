import { execFileSync, spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { InProcessLab } from "./support/lab.js";

async function scriptFor(shell: string): Promise<string> {
  await using lab = new InProcessLab();
  const run = lab.run(["completion", shell]);
  expect(await run.exit).toBe(0);
  return run.stdout;
}

/** Completes the last of the words in a real bash. */
function completedByBash(script: string, ...words: readonly string[]): string[] {
  const quoted = words.map((word) => `'${word}'`).join(" ");
  const line = `COMP_WORDS=(${quoted}); COMP_CWORD=${words.length - 1}; _trunkline; printf '%s\\n' "\${COMPREPLY[@]}"`;
  // Without a terminal there is no completion that compopt could change.
  const output = execFileSync("bash", ["-c", `compopt() { :; }; ${script}\n${line}`], { encoding: "utf8" });
  return output.split("\n").filter((word) => word !== "");
}

describe("completion", () => {
  test("in bash has commands, subcommands, options and their values", async () => {
    const script = await scriptFor("bash");
    expect(completedByBash(script, "trunkline", "")).toEqual(
      expect.arrayContaining(["router", "expose", "connect", "up", "ls", "ping", "token", "completion", "--help"]),
    );
    expect(completedByBash(script, "trunkline", "ex")).toEqual(["expose"]);
    expect(completedByBash(script, "trunkline", "token", "")).toEqual(expect.arrayContaining(["mint", "inspect"]));
    expect(completedByBash(script, "trunkline", "token", "mint", "--life")).toEqual(["--lifetime"]);
    expect(completedByBash(script, "trunkline", "expose", "--allow-r")).toEqual(["--allow-reverse"]);
    expect(completedByBash(script, "trunkline", "up", "--prof")).toEqual(["--profile"]);
    expect(completedByBash(script, "trunkline", "connect", "web", "--st")).toEqual(["--stdio"]);
    expect(completedByBash(script, "trunkline", "router", "--log-level", "d")).toEqual(["debug"]);
    expect(completedByBash(script, "trunkline", "connect", "--wait", "x")).toEqual([]);
    expect(completedByBash(script, "trunkline", "router", "--key-file", "/etc/host")).toContain("/etc/hosts");
  });

  test.each(["zsh", "fish"])("in %s is a script that the shell can read", async (shell) => {
    await using lab = new InProcessLab();
    const script = await scriptFor(shell);
    for (const word of ["router", "expose", "inspect", "stdio", "log-level"]) expect(script).toContain(word);
    const { error, status, stderr } = spawnSync(shell, ["-n", lab.file("script", script)], { encoding: "utf8" });
    if ((error as NodeJS.ErrnoException | undefined)?.code !== "ENOENT") expect([status, stderr]).toEqual([0, ""]);
  });
});
